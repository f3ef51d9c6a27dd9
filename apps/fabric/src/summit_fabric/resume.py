"""Where the validator left off: what it has published of messages that it had not acknowledged yet.

Died or refused in the middle of a batch, it gets the batch again, cut in another way, so message ids do not tell the
broker that parts of it are stored. The stream itself does: every part says how far in INGEST its batch reaches.
"""

from collections import Counter
from typing import Final

import msgspec
import structlog
from nats.js.errors import NotFoundError
from summit_core import wire
from summit_core.bus import Bus
from summit_core.bus.streams import INGEST, OBSERVATIONS

log = structlog.get_logger(__name__)

THROUGH: Final = "Summit-Through"
"""Header of a validated batch: the sequence of the last message of INGEST that it was made with."""
PARTS_READ: Final = 500


async def published_unacknowledged(bus: Bus, consumer: str) -> Counter[str]:
    """How often each observation (by id) is published that came in messages which are not acknowledged."""
    try:
        floor = (await bus.jetstream.consumer_info(INGEST, consumer)).ack_floor
    except NotFoundError:
        return Counter()
    acknowledged = floor.stream_seq if floor else 0
    newest = (await bus.jetstream.stream_info(INGEST)).state.last_seq
    state = (await bus.jetstream.stream_info(OBSERVATIONS)).state
    published: Counter[str] = Counter()
    for seq in range(state.last_seq, max(1, state.first_seq, state.last_seq - PARTS_READ + 1) - 1, -1):
        try:
            message = await bus.jetstream.get_msg(OBSERVATIONS, seq)
            through = int((message.headers or {}).get(THROUGH, "0"))
            if not acknowledged < through <= newest:  # beyond the newest: of a stream that has begun anew since
                break
            published.update(str(one.id) for one in wire.decode_batch(message.data or b""))
        except (NotFoundError, ValueError, msgspec.DecodeError):
            break
    if published:
        log.info("goes on within a batch", observations=published.total())
    return published
