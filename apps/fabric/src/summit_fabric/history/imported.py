"""The past of an imported bundle: its own tables, so that nothing of it ever shows among what was recorded here."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from summit_core.model import WorldType
from summit_core.store import Pool

from summit_fabric.history.past import BEGINNING, Moment, Observed, Seen, sighted
from summit_fabric.history.recorded import NEVER
from summit_fabric.history.version import ENTITY_LIVES, Version, from_row, lasts

_VERSION: Final = "stored_at, seq, key, id, source, at, reason, causes, organisation, body"


class Imported:
    """Implements :class:`~summit_fabric.history.past.Past`. A bundle is small, so it is read as it lies."""

    def __init__(self, pool: Pool, bundle: str) -> None:
        self._pool = pool
        self._bundle = bundle

    async def latest(self, *, at: datetime | None = None, seq: int | None = None) -> Moment:
        row = await self._pool.fetchrow(
            "SELECT stored_at, seq FROM bundle_events WHERE bundle = $1 AND stored_at <= $2 AND seq <= $3"
            " ORDER BY stored_at DESC, seq DESC LIMIT 1",
            *(self._bundle, at or NEVER, 2**62 if seq is None else seq),
        )
        return Moment(BEGINNING, 0) if row is None else Moment(row["stored_at"], row["seq"])

    async def objects(
        self, type_: WorldType, moment: Moment, *, after: str = "", chunk: int = 5000, left: bool = False
    ) -> AsyncGenerator[list[Seen], None]:
        while True:
            rows = await self._pool.fetch(
                f"SELECT DISTINCT ON (key) {_VERSION} FROM bundle_events WHERE bundle = $1 AND type = $2 AND key > $3"
                " AND stored_at <= $4 AND seq <= $5 ORDER BY key, stored_at DESC, seq DESC LIMIT $6",
                *(self._bundle, type_, after, *moment, chunk),
            )
            versions = [from_row(row, type_) for row in rows]
            shown = [_seen(one).sighted(type_) for one in versions if _present(one, moment)]
            yield [one for one in shown if left or one.body is not None]
            if len(rows) < chunk:
                return
            after = rows[-1]["key"]

    async def one(self, type_: WorldType, key: str, moment: Moment) -> Seen | None:
        row = await self._pool.fetchrow(
            f"SELECT {_VERSION} FROM bundle_events WHERE bundle = $1 AND type = $2 AND key = $3 AND stored_at <= $4"
            " AND seq <= $5 ORDER BY stored_at DESC, seq DESC LIMIT 1",
            *(self._bundle, type_, key, *moment),
        )
        version = None if row is None else from_row(row, type_)
        return _seen(version).sighted(type_) if version is not None and _present(version, moment) else None

    async def keys(self, type_: WorldType, since: datetime, until: datetime, *, after: str, limit: int) -> list[str]:
        rows = await self._pool.fetch(
            "SELECT DISTINCT key FROM bundle_events WHERE bundle = $1 AND type = $2 AND key > $3 AND stored_at >= $4"
            " AND stored_at < $5 ORDER BY key LIMIT $6",
            *(self._bundle, type_, after, since, until, limit),
        )
        return [row["key"] for row in rows]

    async def versions(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, after: Moment, limit: int
    ) -> list[Version]:
        rows = await self._pool.fetch(
            f"SELECT {_VERSION} FROM bundle_events WHERE bundle = $1 AND type = $2 AND key = $3 AND stored_at >= $4"
            " AND stored_at < $5 AND (stored_at, seq) > ($6, $7) ORDER BY stored_at, seq LIMIT $8",
            *(self._bundle, type_, key, since, until, *after, limit),
        )
        return [sighted(from_row(row, type_)) for row in rows]

    async def sampled(
        self, type_: WorldType, key: str, since: datetime, until: datetime, *, every_s: float
    ) -> list[Version]:
        rows = await self._pool.fetch(
            f"SELECT DISTINCT ON (date_bin($6, stored_at, $4)) {_VERSION} FROM bundle_events WHERE bundle = $1"
            " AND type = $2 AND key = $3 AND stored_at >= $4 AND stored_at < $5"
            " ORDER BY date_bin($6, stored_at, $4), stored_at, seq",
            *(self._bundle, type_, key, since, until, timedelta(seconds=every_s)),
        )
        return [sighted(from_row(row, type_)) for row in rows]

    async def observations(
        self, since: datetime, until: datetime, *, after: tuple[datetime, UUID], cells: list[int] | None, limit: int
    ) -> list[Observed]:
        rows = await self._pool.fetch(
            "SELECT t, id, body FROM bundle_observations WHERE bundle = $1 AND t >= $2 AND t < $3"
            " AND (t, id) > ($4, $5) ORDER BY t, id LIMIT $6",
            *(self._bundle, since, until, *after, limit),
        )
        return [Observed(row["t"], row["id"], row["body"].encode()) for row in rows]


def _present(version: Version, moment: Moment) -> bool:
    """An entity that nobody wrote for long is gone, here as in the live picture."""
    return lasts(version) or version.stored_at > moment.at - ENTITY_LIVES


def _seen(version: Version) -> Seen:
    body = None if version.body is None else bytes(version.body).decode()
    return Seen(version.key, version.stored_at, version.seq, body)
