"""Crossings in PostgreSQL, to be listed by zone and by entity; written from the world stream."""

from typing import Any, Final, Literal

import msgspec
import structlog
from summit_core.bus import Delivery
from summit_core.model import WorldEvent
from summit_core.observability.metrics import UNREADABLE
from summit_core.store import Pool, insert_ignoring_duplicates

from summit_fabric.sight import reaches

log = structlog.get_logger(__name__)

RECORDER: Final = "fabric-crossings"
"""The durable consumer."""
SUBJECT: Final = "world.presences.*"
COLUMNS: Final = ("id", "seq", "zone", "entity", "organisation", "body")


class _Pair(msgspec.Struct):
    zone: str
    entity: str


class CrossingStore:
    """A crossing is known by the id of its event: what comes again, or is stored again in the stream, is the same."""

    def __init__(self, pool: Pool, reads: Pool) -> None:
        self._pool = pool
        self._reads = reads

    async def record(self, deliveries: list[Delivery]) -> None:
        """Acknowledged after the commit."""
        rows = [row for delivery in deliveries if (row := _row(delivery)) is not None]
        if rows:
            async with self._pool.acquire() as connection, connection.transaction():
                await insert_ignoring_duplicates(connection, "crossings", COLUMNS, rows, returning="seq")

    async def page(
        self, column: Literal["zone", "entity"], key: str, *, limit: int, before: int | None
    ) -> tuple[list[bytes], int | None]:
        """Newest first, and the sequence before which the next page starts."""
        rows = await self._reads.fetch(
            f"SELECT seq, body FROM crossings WHERE {column} = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
            *(key, before if before is not None else 2**62, limit + 1),
        )
        more = int(rows[limit - 1]["seq"]) if len(rows) > limit else None
        bodies = (str(row["body"]).encode() for row in rows[:limit])
        return [body for body in bodies if reaches("presences", body)], more


def _row(delivery: Delivery) -> tuple[Any, ...] | None:
    """Nothing for a presence that has left the picture: that is no crossing."""
    try:
        event = msgspec.json.decode(delivery.data, type=WorldEvent)
        if event.op == "delete":
            return None
        pair = msgspec.json.decode(event.body, type=_Pair)
    except msgspec.DecodeError as error:
        UNREADABLE.inc()
        log.warning("unreadable presence, passed over", seq=delivery.seq, error=str(error))
        return None
    return event.id, delivery.seq, pair.zone, pair.entity, event.organisation, bytes(event.body).decode()
