"""Source account: what one source sent and what became of it (``summit.source/1``). Every loss has a number."""

from typing import Literal

from msgspec import Struct

from summit_core.model.common import Key, Organisation, Timestamp
from summit_core.model.entity import Freshness


class SourceAccount(Struct, frozen=True, kw_only=True):
    """``received = stored + duplicate + rejected``. ``gaps`` counts sequence numbers that never came.

    ``rate`` is in observations a second, a mean over about half a minute. ``silent``: nothing came for three of its
    expected intervals (stated, else learned; at least 5 s), since the moment at which the next was due.
    """

    id: Key
    schema: Literal["summit.source/1"] = "summit.source/1"
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    rejected_by: dict[str, int] = {}
    late: int = 0
    gaps: int = 0
    last_seq: int | None = None
    clock_offset_s: float | None = None
    last_heard: Timestamp | None = None
    rate: float = 0.0
    expected_interval_s: float | None = None
    freshness: Freshness = "live"
    silent: bool = False
    silent_since: Timestamp | None = None
    organisation: Organisation = None
