"""What lineage asks of the record: what objects rested on over all their versions, and what an event was about."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from summit_core.store import Pool

from summit_fabric.queries import Queries, StoredObject, StoredObservation

AT_EACH_END: Final = 40
"""Of the versions of an object the first and the last so many tell what it rests on."""
EVENT_ID_WINDOW: Final = timedelta(minutes=2)

_VERSIONS: Final = """
SELECT {type} AS type, key, seq, stored_at, at, causes, body FROM unnest($1::text[]) AS k (name) CROSS JOIN LATERAL (
    (SELECT * FROM {table} AS e WHERE {same} ORDER BY stored_at, seq LIMIT {few})
    UNION ALL
    (SELECT * FROM {table} AS e WHERE {same} ORDER BY stored_at DESC, seq DESC LIMIT {few})
) AS e"""
_PASSING: Final = _VERSIONS.format(type="'entities'", table="entity_events", same="e.key = k.name", few=AT_EACH_END)
_LASTING: Final = _VERSIONS.format(type="type", table="world_events", same="e.key = k.name", few=AT_EACH_END)


class Archive:
    """Implements :class:`~summit_fabric.lineage.Archive`."""

    def __init__(self, pool: Pool, queries: Queries) -> None:
        self._pool = pool
        self._queries = queries

    async def observations_by_id(self, ids: list[str]) -> list[StoredObservation]:
        return await self._queries.observations_by_id(ids)

    async def objects_by_key(self, keys: Sequence[str]) -> list[StoredObject]:
        """Causes of the first versions before those of the last: later ones must not hide what it first rested on."""
        rows = [*await self._pool.fetch(_PASSING, list(keys)), *await self._pool.fetch(_LASTING, list(keys))]
        objects: dict[tuple[str, str], dict[tuple[datetime, int], Any]] = {}
        for row in rows:
            objects.setdefault((row["type"], row["key"]), {})[row["stored_at"], row["seq"]] = row
        return [
            _object([versions[place] for place in sorted(versions)])
            for versions in objects.values()
            if any(row["body"] is not None for row in versions.values())
        ]

    async def key_of_event(self, identifier: str, at: datetime) -> str | None:
        """``at``: the time in the event's id, near which the stream stored it."""
        key = await self._pool.fetchval("SELECT key FROM world_events WHERE id = $1 LIMIT 1", identifier)
        if key is None:
            key = await self._pool.fetchval(
                "SELECT key FROM entity_events WHERE stored_at BETWEEN $1 AND $2 AND id = $3 LIMIT 1",
                *(at - EVENT_ID_WINDOW, at + EVENT_ID_WINDOW, identifier),
            )
        return None if key is None else str(key)


def _object(versions: Sequence[Any]) -> StoredObject:
    causes = dict.fromkeys(cause for row in versions for cause in row["causes"])
    body = next(row["body"] for row in reversed(versions) if row["body"] is not None)
    first = versions[0]
    return StoredObject(first["type"], first["key"], min(row["at"] for row in versions), body.encode(), tuple(causes))
