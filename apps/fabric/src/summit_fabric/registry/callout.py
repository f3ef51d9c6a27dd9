"""Answers the broker's question, for each connection that no configured user opens: who is it, and what may it do?

While nobody answers, connections go on and new ones are refused; devices try again by themselves.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Counter
from summit_core.audit.record import AuditRecord, plain
from summit_core.audit.trail import Trail
from summit_core.bus import Bus, Mirror
from summit_core.clock import Clock
from summit_core.errors import MalformedError
from summit_core.ids import new_id
from summit_core.observability.health import HealthMonitor
from summit_core.security.broker import Rights

from summit_fabric.registry.certificates import Certificates
from summit_fabric.registry.connections import connection_name
from summit_fabric.registry.credentials import Credentials
from summit_fabric.registry.jwt import Issuer, Request, read_request
from summit_fabric.registry.rights import Grants, owner_of

SUBJECT: Final = "$SYS.REQ.USER.AUTH"
LOOP: Final = "fabric-callout"
REFUSALS_LOGGED_A_SECOND: Final = 10
ANSWERED = Counter("summit_device_authorisations_total", "Connections that devices asked for, by outcome", ["outcome"])
log = structlog.get_logger(__name__)


class Callout:
    """``longest``: how long a connection may last, where nobody could end one (no system account).

    The outcomes are ``allowed``, ``wrong``, ``revoked``, ``expired``, ``unregistered``, ``client_id`` (another's),
    ``not_mqtt``, ``denied`` (no right to anything), ``malformed``, ``certificate`` (another's),
    ``certificate_revoked`` and ``no_certificate``.
    """

    def __init__(
        self,
        bus: Bus,
        mirror: Mirror,
        grants: Grants,
        credentials: Credentials,
        certificates: Certificates,
        issuer: Issuer,
        trail: Trail,
        clock: Clock,
        longest: timedelta | None = None,
    ) -> None:
        self._bus = bus
        self._mirror = mirror
        self._grants = grants
        self._credentials = credentials
        self._certificates = certificates
        self._issuer = issuer
        self._trail = trail
        self._clock = clock
        self._longest = longest
        self._said = (0, 0)

    async def run(self, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``. Begins when all that it judges by is known."""
        await self._mirror.ready.wait()
        await self._credentials.loaded.wait()
        subscription = await self._bus.client.subscribe(SUBJECT, queue=LOOP, cb=self._handle)
        try:
            while True:  # after a cut the client subscribes again by itself
                health.beat(LOOP)
                await asyncio.sleep(1.0)
        finally:
            if self._bus.client.is_connected:
                await subscription.unsubscribe()

    async def _handle(self, message: Msg) -> None:
        answer = self.answer(message.data)
        if answer is None or not message.reply:
            return
        try:
            await self._bus.client.publish(message.reply, answer)
        except NatsError as error:
            log.warning("an answer to the broker was lost; the device will ask again", error=str(error))

    def answer(self, token: bytes) -> bytes | None:
        """The signed answer; None when there is nobody to answer to."""
        try:
            request = read_request(token)
        except MalformedError as error:
            ANSWERED.labels(outcome="malformed").inc()
            log.warning("malformed authorization request", error=error.detail)
            return None
        outcome, answer = self._judge(request)
        ANSWERED.labels(outcome=outcome).inc()
        if outcome != "allowed":
            self._say(outcome, request)
            self._trail.repeated(self._record(outcome, request))
        return answer

    def _say(self, outcome: str, request: Request) -> None:
        """Who guesses passwords shall not fill the disk: the metric counts all, the log names a few each second."""
        second = int(self._clock.now().timestamp())
        self._said = (second, self._said[1] + 1 if self._said[0] == second else 1)
        if self._said[1] <= REFUSALS_LOGGED_A_SECOND:
            # the name is a stranger's word: cut it
            user, client = request.connect_opts.user[:64], request.client_info.mqtt_id[:80]
            log.warning("device refused", outcome=outcome, user=user, client=client, host=request.client_info.host)

    def _record(self, outcome: str, request: Request) -> AuditRecord:
        return AuditRecord(
            id=new_id(),
            at=self._clock.now(),
            service="fabric",
            action="connect device",
            outcome="denied",
            code=outcome,
            client=plain(request.client_info.host, 64),
            object_type="device",
            object=plain(request.connect_opts.user, 64) or None,
        )

    def _judge(self, request: Request) -> tuple[str, bytes]:
        now, device = self._clock.now(), request.connect_opts.user
        held = self._credentials.verify(device, request.connect_opts.password)
        if isinstance(held, str):
            return self._refuse(request, held, now)
        shown, rights = self._certificates.judge(request), self._grants.of(held)
        refusal = shown if isinstance(shown, str) else self._objection(request, rights)
        if refusal is not None or isinstance(shown, str):
            return self._refuse(request, str(refusal), now)
        longest = None if self._longest is None else now + self._longest
        ends = [at for at in (held.credential.expires_at, shown and shown.ends, longest) if at is not None]
        name = connection_name(device, held.credential.id, rights.digest, shown.mark if shown else "")
        return "allowed", self._issuer.allow(request, name, rights, now=now, until=min(ends, default=None))

    def _refuse(self, request: Request, why: str, now: datetime) -> tuple[str, bytes]:
        return why, self._issuer.refuse(request, f"refused: {why}", now=now)

    def _objection(self, request: Request, rights: Rights) -> str | None:
        """What stands against one whose credential is right."""
        device = request.connect_opts.user
        if request.client_info.type != "mqtt":
            return "not_mqtt"
        if device not in self._mirror.changes("registrations"):
            return "unregistered"
        if owner_of(request.client_info.mqtt_id) != device:
            return "client_id"
        return None if rights.publish else "denied"
