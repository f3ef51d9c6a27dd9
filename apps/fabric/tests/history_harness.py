"""Versions to write a past with, a way to run against the database, and a small story of an incident."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Raw
from summit_core import wire
from summit_core.clock import ManualClock
from summit_core.ids import derived_id
from summit_core.model import WorldType
from summit_core.store import Pool, create_pool
from summit_fabric.history.bundles import Bundles
from summit_fabric.history.recorded import Recorded
from summit_fabric.history.service import HistoryService
from summit_fabric.history.store import HistoryStore
from summit_fabric.history.version import Version

START = datetime(2026, 8, 1, 5, 0, tzinfo=UTC)
T = TypeVar("T")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def body_of(type_: WorldType, key: str, at: datetime, **changes: Any) -> dict[str, Any]:
    """A body that the model accepts."""
    now = at.isoformat()
    bodies: dict[str, dict[str, Any]] = {
        "entities": {"kind": "track", "owner": "fusion", "observed_at": now, "heard_at": now, "updated_at": now},
        "incidents": {"title": "Smoke", "class": "fire", "state": "suspected", "severity": "severe"}
        | {"opened_at": now, "updated_at": now},
        "alerts": {"title": "Look", "text": "", "state": "open", "severity": "severe", "urgency": "immediate"}
        | {"certainty": "likely", "dedupe_key": key, "opened_at": now, "updated_at": now},
        "advisories": {"title": "Wind", "text": "It turns", "made_at": now, "rule": "wind"},
        "tasks": {"kind": "investigate", "title": "Look", "state": "proposed", "asset": "d1", "plan_hash": "h"}
        | {"plan": {"waypoints": [], "distance_m": 1, "duration_s": 1, "arrive_s": 1, "reserve": 0.5}, "risk": "low"}
        | {"proposed_at": now, "updated_at": now},
        "approvals": {"decision": "approve", "by": "Ann", "role": "commander", "plan_hash": "h", "at": now},
        "overrides": {"updated_at": now},
        "zones": {"name": "Camp", "rule": "inclusion", "created_at": now, "updated_at": now}
        | {"circle": {"lat": 39.4, "lon": -121.0, "radius_m": 500.0}},
        "presences": {"state": "inside", "event": "enter", "at": now, "judged": 1},
        "registrations": {"kind": "asset", "label": key, "registered_at": now, "updated_at": now, "by": "Ann"}
        | {"link": "online"},
    }
    return {"id": key} | bodies[type_] | changes


def version(
    type_: WorldType,
    key: str,
    seq: int,
    *,
    at: datetime | None = None,
    gone: bool = False,
    causes: tuple[str, ...] = (),
    **changes: Any,
) -> Version:
    """One version; without ``at`` a second after the one before."""
    when = at or after(seq)
    body = None if gone else Raw(wire.encode(body_of(type_, key, when, **changes)))
    return Version(
        type=type_,
        key=key,
        seq=seq,
        stored_at=when,
        id=derived_id(when, str(seq)),
        source="test",
        at=when,
        reason="deleted" if gone else None,
        causes=causes,
        body=body,
    )


def moved(key: str, seq: int, lat: float, lon: float, **changes: Any) -> Version:
    location = {"lat": lat, "lon": lon, "alt_m": 120.0, "cov_m2": [[25.0, 0.0], [0.0, 9.0]]}
    return version(
        "entities", key, seq, location=location, kinematics={"speed_mps": 12.5, "course_deg": 80.0}, **changes
    )


class Kept:
    """The past in a database."""

    def __init__(self, pool: Pool, now: datetime) -> None:
        self.pool = pool
        self.clock = ManualClock(now)
        self.store = HistoryStore(pool)
        self.recorded = Recorded(pool)
        self.bundles = Bundles(pool, pool, self.clock)
        self.service = HistoryService(self.clock, 365, _reached)

    async def rows(self, table: str) -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {table}"))


async def _reached(_: datetime | int) -> None:
    return


def with_past(url: str, work: Callable[[Kept], Awaitable[T]], now: datetime | None = None) -> T:
    """Run ``work`` with a pool of its own."""

    async def run() -> T:
        pool = await create_pool(url, name="test")
        try:
            return await work(Kept(pool, now or after(400_000)))
        finally:
            await pool.close()

    return asyncio.run(run())


def bodies(items: list[Any]) -> dict[str, Any]:
    return {one.key: msgspec.json.decode(one.body) for one in items}
