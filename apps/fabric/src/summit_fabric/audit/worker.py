"""The loops of the audit: chain what comes, check what is kept, sign heads, and take away what is past retention."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter, Gauge
from summit_core.audit.chain import Broken, Walk
from summit_core.audit.head import Head, sign
from summit_core.audit.record import AuditRecord
from summit_core.bus import Delivery
from summit_core.clock import Clock
from summit_core.ids import derived_id
from summit_core.model import DEFAULT_ORGANISATION
from summit_core.observability.health import HealthMonitor
from summit_core.security.nkey import AccountKey

from summit_fabric.audit.store import AuditStore, unsigned

log = structlog.get_logger(__name__)

RECORDER: Final = "fabric-audit"
WATCH: Final = "fabric-audit-watch"
LOOK_EVERY_S: Final = 10.0
ALL_ANEW: Final = timedelta(hours=1)
RECORDED = Counter("summit_audit_records_total", "Audit records chained")
BROKEN = Gauge("summit_audit_broken", "1 while the audit of an organisation does not hold", ["organisation"])


class AuditRecorder:
    """From the stream to the chain, in the order of the stream; acknowledged only after the commit."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def handle(self, deliveries: list[Delivery]) -> None:
        RECORDED.inc(await self._store.append([read(one) for one in deliveries]))


def read(delivery: Delivery) -> AuditRecord:
    """The record; of one that cannot be read, that it came, because nothing here is passed over."""
    try:
        return msgspec.json.decode(delivery.data, type=AuditRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        at = delivery.timestamp
        return AuditRecord(
            id=derived_id(at, delivery.subject, delivery.data),
            at=at,
            service="fabric",
            action="unreadable audit record",
            outcome="failed",
            reason=str(error)[:200],
        )


class Watch:
    """Walks each chain: what is new at every look, all of it at the start and every hour. A chain that holds gets a
    signed head, which is also a line in the log: kept elsewhere, it proves later that nothing was cut off or made anew.
    """

    def __init__(self, store: AuditStore, key: AccountKey | None, clock: Clock, days: int | None) -> None:
        self._store, self._key, self._clock, self._days = store, key, clock, days
        BROKEN.labels(organisation=DEFAULT_ORGANISATION).set(0)  # said before there is anything to check
        self._walks: dict[str, Walk] = {}
        self._anew = clock.now()
        self._beat: Callable[[], None] = lambda: None
        self.broken: dict[str, Broken] = {}

    async def run(self, health: HealthMonitor) -> None:
        """Until an error; run it under ``supervise``."""
        self._beat = partial(health.beat, WATCH)
        while True:
            await self.look()
            self._beat()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        now = self._clock.now()
        if now - self._anew >= ALL_ANEW:
            self._walks.clear()
            self._anew = now
        for organisation in await self._store.organisations():
            try:
                await self._check(organisation)
            except Broken as broken:
                self._walks.pop(organisation, None)
                self._say(organisation, broken)
                continue
            self.broken.pop(organisation, None)
            BROKEN.labels(organisation=organisation).set(0)
            await self._sign(organisation, now)
            if self._days is not None:
                await self._retain(organisation, now - timedelta(days=self._days), now)

    async def _check(self, organisation: str) -> None:
        """Raises :class:`Broken`."""
        signed = await self._store.head(organisation)
        if signed is not None and not signed.holds:
            raise Broken("forged", signed.head.seq, "the last head is not signed by its key")
        first, prev = (signed.head.first, signed.head.prev) if signed else (1, Walk().hash)
        walk = self._walks.get(organisation) or Walk(first - 1, prev)
        last, _ = await self._store.last(organisation)
        if last < walk.seq or (signed is not None and last < signed.head.seq):
            raise Broken("truncated", last + 1, "records that were there once are missing")
        async for lines in self._store.lines(organisation, walk.seq, last):
            for line in lines:
                walk.step(line)
                if signed is not None and walk.seq == signed.head.seq and walk.hash != signed.head.hash:
                    raise Broken("changed", walk.seq, "a record up to the last signed head was made anew")
            self._beat()
            await asyncio.sleep(0)
        if last > walk.seq:
            raise Broken("truncated", walk.seq + 1, "records that were there once are missing")
        self._walks[organisation] = walk

    def _say(self, organisation: str, broken: Broken) -> None:
        if organisation not in self.broken:
            told = {"kind": broken.kind, "seq": broken.seq, "why": broken.detail}
            log.error("the audit does not hold", organisation=organisation, **told)
        self.broken[organisation] = broken
        BROKEN.labels(organisation=organisation).set(1)

    async def _sign(self, organisation: str, now: datetime) -> None:
        if self._key is None:
            return
        walk, before = self._walks[organisation], await self._store.head(organisation)
        if before is not None and before.head.seq == walk.seq:
            return
        head = unsigned(organisation, (walk.seq, walk.hash), before.head if before else None, now)
        signed = sign(head, self._key)
        await self._store.keep_head(signed)
        log.info("audit head", organisation=organisation, seq=head.seq, hash=head.hash, signature=signed.signature)

    async def _retain(self, organisation: str, before: datetime, now: datetime) -> None:
        signed = await self._store.head(organisation)
        last = await self._store.last_before(organisation, before)
        if self._key is None or signed is None or last is None or last[0] < signed.head.first:
            return
        head = signed.head
        shorter = Head(organisation=organisation, at=now, first=last[0] + 1, prev=last[1], seq=head.seq, hash=head.hash)
        gone = await self._store.cut(sign(shorter, self._key))
        log.info("audit past retention taken away", organisation=organisation, records=gone, days=self._days)
