"""Registering, changing and taking out sources, nodes and assets; issuing, rotating and revoking their credentials.

The registration is in the world stream, its credentials are rows of ``api_keys``; what a registration shows of them is
a copy that ``show`` brings up to date, at once after each change and again every few seconds.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from msgspec import UNSET
from msgspec.structs import replace
from summit_core.bus import Mirror
from summit_core.clock import Clock
from summit_core.errors import ConflictError, InputError, NotFoundError
from summit_core.model import (
    Credential,
    Issued,
    Link,
    NewRegistration,
    Principal,
    Registration,
    RegistrationChange,
    Revoke,
    Rotate,
)
from summit_core.observability.health import HealthMonitor
from summit_core.security.decision import require
from summit_core.security.permissions import Permission
from summit_core.security.token import digest, new_token

from summit_fabric.condition import Condition
from summit_fabric.registry.behind import Behind
from summit_fabric.registry.credentials import Credentials, Held
from summit_fabric.registry.store import Denied, RegistryStore
from summit_fabric.registry.writer import RegistrationWriter

LOOP: Final = "fabric-registry"
REFRESH_S: Final = 5.0
"""How long a key that is revoked elsewhere (``DELETE /v1/keys/{id}``) may take to be known here."""
DENIED_ONE_BY_ONE: Final = 100
DENIED_AT_LEAST_EVERY: Final = timedelta(seconds=30)
log = structlog.get_logger(__name__)


class RegistryService:
    """``changed`` is called when connections must be looked at again."""

    def __init__(
        self,
        mirror: Mirror,
        behind: Behind,
        writer: RegistrationWriter,
        store: RegistryStore,
        credentials: Credentials,
        clock: Clock,
    ) -> None:
        self._mirror = mirror
        self._behind = behind
        self._writer = writer
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._by_people: dict[str, int] = {}
        """The version that the last change by a person made."""
        self.changed: Callable[[], None] = lambda: None

    async def register(self, wanted: NewRegistration, by: Principal) -> tuple[Issued, int]:
        """The new registration with its credential, and its version."""
        self._writer.check_new(wanted.id)
        self._check_node(wanted.id, wanted.kind, wanted.node, by)
        if await self._store.is_of_another(wanted.id, by.owner):
            raise ConflictError(f"the id {wanted.id} is taken: something else was heard by that name; choose another")
        now = self._clock.now()
        registration = Registration(
            id=wanted.id,
            kind=wanted.kind,
            label=wanted.label,
            registered_at=now,
            updated_at=now,
            by=by.name,
            link=Link.NEVER,
            class_=wanted.class_,
            node=wanted.node,
            expected_interval_s=wanted.expected_interval_s,
            note=wanted.note,
            organisation=by.owner,
        )
        issue = wanted.node is None if wanted.credential is None else wanted.credential
        # The credential first: when the broker then does not answer, nobody has learned a secret, and the next try
        # makes another. The other way round there would be a thing that nobody can connect.
        made = await self._issue(wanted.id, by, expires_at=wanted.expires_at) if issue else None
        self._by_people[wanted.id] = await self._writer.add(registration)
        if wanted.node is not None:
            self.changed()
        log.info("registered", id=wanted.id, kind=wanted.kind, by=by.id)
        return await self._issued(wanted.id, made)

    async def change(
        self, key: str, wanted: RegistrationChange, condition: Condition, by: Principal
    ) -> tuple[Registration, int]:
        """Raises :class:`PreconditionError` when a person has changed it since."""
        known = self._own(key, by)[0]
        if wanted.node is not UNSET:
            self._check_node(key, known.kind, wanted.node, by)
        given = {name: value for name in wanted.__struct_fields__ if (value := getattr(wanted, name)) is not UNSET}

        def changed(present: Registration) -> Registration:
            self._check(key, condition)
            return replace(present, **given, by=by.name, updated_at=self._clock.now())

        await self._writer.change(key, changed)
        self.changed()
        log.info("registration changed", id=key, fields=sorted(given), by=by.id)
        registration, self._by_people[key] = self._present(key)
        return registration, self._by_people[key]

    async def remove(self, key: str, condition: Condition, by: Principal) -> None:
        """Take it out, and revoke all that it could connect with."""
        self._own(key, by)
        self._check(key, condition)
        behind = sorted(self._behind.of(key))
        if behind:
            raise ConflictError(f"{len(behind)} speak through {key} ({behind[0]} …); give them another node first")
        await self._store.revoke(key, None, self._clock.now())
        await self._store.forget(key)
        await self._credentials.refresh_one(key)
        await self._writer.remove(key)
        self._by_people.pop(key, None)
        self.changed()
        log.info("registration removed", id=key, by=by.id)

    async def rotate(self, key: str, wanted: Rotate, by: Principal) -> tuple[Issued, int]:
        """A new credential; the old ones hold for ``overlap_s`` more seconds."""
        self._own(key, by)
        until = self._clock.now() + timedelta(seconds=wanted.overlap_s)
        made = await self._issue(key, by, expires_at=wanted.expires_at, others_end_at=until)
        self.changed()
        return await self._issued(key, made)

    async def revoke(self, key: str, wanted: Revoke, by: Principal) -> tuple[Registration, int]:
        """End one credential, or all; who is connected with it is disconnected."""
        self._own(key, by)
        if not await self._store.revoke(key, wanted.credential, self._clock.now()) and wanted.credential is not None:
            raise NotFoundError(f"{key} has no credential {wanted.credential}")
        await self._credentials.refresh_one(key)
        await self.show([key])
        self.changed()
        log.info("credential revoked", id=key, credential=wanted.credential or "all", by=by.id)
        return self._present(key)

    async def run(self, health: HealthMonitor) -> None:
        """Keep in step with the database; run it under ``supervise``."""
        await self._mirror.ready.wait()
        while True:
            if await self._credentials.refresh():
                self.changed()
            await self.show(list(self._mirror.changes("registrations")))
            health.beat(LOOP)
            await asyncio.sleep(REFRESH_S)

    async def show(self, keys: Iterable[str]) -> None:
        """Copy what the database knows into the registrations."""
        wanted = list(keys)
        if not wanted:
            return
        denials = await self._store.denials(wanted)
        credentials = self._credentials.by_device()
        for key in wanted:
            given = credentials.get(key, ())
            copied = partial(with_copies, credentials=given, denied=denials.get(key), now=self._clock.now())
            await self._writer.change(key, copied)

    async def _issue(
        self, device: str, by: Principal, *, expires_at: datetime | None, others_end_at: datetime | None = None
    ) -> tuple[Credential, str]:
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InputError("expires_at: lies in the past", field="expires_at")
        identifier, token = new_token()
        credential = Credential(id=identifier, issued_at=now, issued_by=by.name, expires_at=expires_at)
        held = Held(credential, device, digest(token), by.organisation)
        await self._store.issue(held, others_end_at=others_end_at)
        await self._credentials.refresh_one(device)
        log.info("credential issued", id=device, credential=identifier, by=by.id)
        return credential, token

    async def _issued(self, key: str, made: tuple[Credential, str] | None) -> tuple[Issued, int]:
        await self.show([key])
        registration, version = self._present(key)
        credential, token = made or (None, None)
        return Issued(registration=registration, credential=credential, key=token), version

    def _check_node(self, key: str, kind: str, node: str | None, by: Principal) -> None:
        if node is None:
            return
        found = self._mirror.get("registrations", node, Registration)
        ours = found is not None and found[0].organisation == by.owner
        if kind == "node" or found is None or not ours or found[0].kind != "node":
            fix = (
                "a node has a link of its own"
                if kind == "node"
                else f"no node {node!r} is registered; register it first"
            )
            raise InputError(f"node: {fix}", field="node")

    def _check(self, key: str, condition: Condition) -> None:
        """What a person saw must hold the last word of people; links and counters move by themselves. What was said
        before we started is not told apart from them, so then the person reads again."""
        version = self._present(key)[1]
        condition.check(key, by_people=self._by_people.setdefault(key, version), version=version)

    def _own(self, key: str, by: Principal) -> tuple[Registration, int]:
        """One of the organisation of who asks; raises :class:`NotFoundError`."""
        found = self._present(key)
        require(by, Permission.ADMINISTER, found[0], called=f"{key} is not registered")
        return found

    def _present(self, key: str) -> tuple[Registration, int]:
        found = self._mirror.get("registrations", key, Registration)
        if found is None:
            raise NotFoundError(f"{key} is not registered")
        return found


def stated_interval_s(mirror: Mirror, key: str) -> float | None:
    """How often a registered thing should speak, seconds, as stated with its registration."""
    known = mirror.get("registrations", key, Registration)
    return known[0].expected_interval_s if known else None


def with_copies(
    known: Registration, *, credentials: tuple[Credential, ...], denied: Denied | None, now: datetime
) -> Registration:
    shown = replace(known, credentials=credentials)
    if denied is None or not _worth_a_version(known, denied, now):
        return shown
    return replace(shown, denied=denied.count, last_denial=denied.last)


def _worth_a_version(known: Registration, denied: Denied, now: datetime) -> bool:
    """Each of the first is shown at once; in a flood a device shall not write a version of the world for each drop."""
    last = known.last_denial
    if last is None or denied.count <= DENIED_ONE_BY_ONE or denied.count >= 2 * known.denied:
        return True
    return now - last.at >= DENIED_AT_LEAST_EVERY
