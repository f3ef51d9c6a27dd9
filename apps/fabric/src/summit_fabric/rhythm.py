"""How often a source speaks, and what its silence means. Pure; times are ours (``received_at``)."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from summit_core.model import Freshness

DEFAULT_INTERVAL_S: Final = 10.0
SHORTEST_INTERVAL_S: Final = 1.0
GAPS_NEEDED: Final = 3
GAPS_KEPT: Final = 9
STALE_INTERVALS, STALE_AT_LEAST_S = 3.0, 5.0
LOST_INTERVALS, LOST_AT_LEAST_S = 10.0, 30.0


@dataclass(slots=True)
class Rhythm:
    """The recent gaps between the messages of one source, seconds. Their median forgives an outage."""

    heard_at: datetime
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS_KEPT))

    def hear(self, at: datetime) -> None:
        if at > self.heard_at:
            self.gaps.append((at - self.heard_at).total_seconds())
            self.heard_at = at

    @property
    def learned_s(self) -> float | None:
        """The interval, or None while too little was heard."""
        return max(SHORTEST_INTERVAL_S, median(self.gaps)) if len(self.gaps) >= GAPS_NEEDED else None


def freshness_after(silence: timedelta, interval_s: float | None) -> Freshness:
    """``live``, ``stale`` after 3 intervals (at least 5 s), ``lost`` after 10 (at least 30 s)."""
    expected = interval_s or DEFAULT_INTERVAL_S
    silent_s = silence.total_seconds()
    if silent_s > max(LOST_AT_LEAST_S, LOST_INTERVALS * expected):
        return "lost"
    return "stale" if silent_s > max(STALE_AT_LEAST_S, STALE_INTERVALS * expected) else "live"
