"""Gathers what a hand-over brief is made from, as far as the reader may see it."""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from summit_core.audit.brief import Handover
from summit_core.audit.record import AuditRecord
from summit_core.bus import Mirror
from summit_core.clock import Clock
from summit_core.errors import InputError
from summit_core.model import Alert, Entity, Incident, Principal, SourceAccount, Task, WorldType
from summit_core.security.decision import Scope, Thing
from summit_core.store import Pool

from summit_fabric.audit.handover import Shift, brief
from summit_fabric.audit.service import AuditService
from summit_fabric.audit.store import AuditFilter, AuditStore
from summit_fabric.queries import Queries
from summit_fabric.silence import Silence

T = TypeVar("T")
LONGEST: Final = timedelta(days=31)
RECORDS_AT_MOST: Final = 10_000
SOURCES_AT_MOST: Final = 1000


class Handovers:
    """Joins the audit, the picture, the accounts of the sources and the refused input."""

    def __init__(
        self, pool: Pool, store: AuditStore, audit: AuditService, mirror: Mirror, silence: Silence, clock: Clock
    ) -> None:
        self._pool, self._store, self._audit = pool, store, audit
        self._mirror, self._silence, self._clock = mirror, silence, clock

    async def of(self, principal: Principal, since: datetime) -> Handover:
        """Raises :class:`InputError` for an interval that is no shift."""
        now = self._clock.now()
        if not now - LONGEST <= since < now:
            raise InputError(f"since: must lie in the last {LONGEST.days} days", field="since")
        organisation, scope = principal.organisation, Scope.of(principal)
        records = await self._audit.records(organisation, AuditFilter(since=since), limit=RECORDS_AT_MOST)
        records = self.seen(principal, records)
        return brief(
            Shift(
                organisation=organisation,
                since=since,
                until=now,
                audit_head=await self._store.last(organisation),
                incidents=_seen(scope, self._mirror.all("incidents", Incident)),
                alerts=_seen(scope, self._mirror.all("alerts", Alert)),
                tasks=_seen(scope, self._mirror.all("tasks", Task)),
                records=records,
                sources=_seen(scope, await self._sources()),
                letters=await self._letters(since) if scope == Scope(None) else [],
            )
        )

    def seen(self, principal: Principal, records: list[AuditRecord]) -> list[AuditRecord]:
        """Those that a reader may know of: all of his organisation's, or of objects in his areas."""
        scope = Scope.of(principal)
        return [one for one in records if not scope.areas or self._sees(scope, one.object)]

    def _sees(self, scope: Scope, key: str | None) -> bool:
        kinds: tuple[tuple[WorldType, type[Incident | Alert | Task | Entity]], ...] = (
            *(("incidents", Incident), ("alerts", Alert), ("tasks", Task), ("entities", Entity)),
        )
        found = (self._mirror.get(type_, key, as_) for type_, as_ in kinds) if key else ()
        return any(one is not None and scope.holds(Thing.of(one[0])) for one in found)

    def belonging(self, principal: Principal, key: str) -> list[str]:
        """An object, and what belongs to it where it is an incident: its alerts and tasks."""
        scope = Scope.of(principal)
        alerts = [one.id for one in _seen(scope, self._mirror.all("alerts", Alert)) if one.incident == key]
        tasks = [one.id for one in _seen(scope, self._mirror.all("tasks", Task)) if one.incident == key]
        return [key, *alerts, *tasks]

    async def _sources(self) -> list[SourceAccount]:
        ledgers = await Queries(self._pool).ledgers(limit=SOURCES_AT_MOST, after="")
        return [self._silence.account(ledger) for ledger in ledgers]

    async def _letters(self, since: datetime) -> list[tuple[str, int, str]]:
        """By reason, the most frequent first."""
        rows = await self._pool.fetch(
            "SELECT code, count(*) AS count, (array_agg(id ORDER BY at DESC))[1]::text AS newest FROM dead_letters"
            " WHERE at >= $1 GROUP BY code ORDER BY count DESC, code",
            since,
        )
        return [(row["code"], row["count"], row["newest"]) for row in rows]


def _seen(scope: Scope, things: list[T]) -> list[T]:
    return [one for one in things if scope.holds(Thing.of(one))]
