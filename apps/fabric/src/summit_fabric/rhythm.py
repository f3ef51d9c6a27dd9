"""How often a source speaks, and what its silence means. Pure; times are ours (``received_at``)."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Final

from summit_core.model import Freshness

DEFAULT_INTERVAL_S: Final = 10.0
SHORTEST_INTERVAL_S: Final = 1.0
"""What comes within it is one burst: a station that sends five readings each minute speaks once a minute."""
GAPS_NEEDED: Final = 3
GAPS_KEPT: Final = 9
STALE_INTERVALS, STALE_AT_LEAST_S = 3.0, 5.0
LOST_INTERVALS, LOST_AT_LEAST_S = 10.0, 30.0


def learned_interval_s(gaps_s: Sequence[float]) -> float | None:
    """The median of the latest times between bursts, which forgives an outage; None while too little was heard."""
    return max(SHORTEST_INTERVAL_S, median(gaps_s)) if len(gaps_s) >= GAPS_NEEDED else None


def patience_s(interval_s: float | None) -> float:
    """How long a source may be silent: 3 intervals, at least 5 s."""
    return max(STALE_AT_LEAST_S, STALE_INTERVALS * (interval_s or DEFAULT_INTERVAL_S))


def freshness_after(silence: timedelta, interval_s: float | None) -> Freshness:
    """``live``, ``stale`` after 3 intervals (at least 5 s), ``lost`` after 10 (at least 30 s)."""
    silent_s = silence.total_seconds()
    if silent_s > max(LOST_AT_LEAST_S, LOST_INTERVALS * (interval_s or DEFAULT_INTERVAL_S)):
        return "lost"
    return "stale" if silent_s > patience_s(interval_s) else "live"
