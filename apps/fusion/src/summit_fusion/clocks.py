"""Clocks of the sources: a report counts for the time at which it was made, as far as its clock can be believed.

Everything meets in one time, so a clock that is a minute off would make all reports of its source too late, or those
of everybody else. Reports that come as they are made arrive with a delay that hardly changes; if it is more than a
network explains, the clock is off by it and is corrected. Reports that a device has kept arrive with delays that shrink
from one to the next: these are old, and stay so.
"""

from typing import Final

import msgspec

USUAL_S: Final = 2.0
"""Delays up to here are the network's."""
STEADY_S: Final = 1.0
"""Delays of reports that come as they are made differ by less than this."""
PROVED_BY: Final = 3
PROVED_IN_S: Final = 1.5
AHEAD_S: Final = 1.0
"""No report is from the future: at most so much ahead of our clock counts."""


class Clock(msgspec.Struct):
    """One source's. ``least``, ``most``: delays (seconds, ours minus its) of ``reports`` in a row since ``since``."""

    least: float
    most: float
    since: float
    reports: int = 1
    offset: float = 0.0

    def judge(self, delay: float, heard: float) -> float:
        """How much to add to a time of this source, after one more report."""
        least, most = min(self.least, delay), max(self.most, delay)
        if most - least > STEADY_S:  # it was set, or these are old reports: begin anew
            least = most = delay
            self.since, self.reports = heard, 0
        self.least, self.most, self.reports = least, most, self.reports + 1
        if self.reports >= PROVED_BY and heard - self.since >= PROVED_IN_S:
            self.offset = least if abs(least) > USUAL_S else 0.0
        return self.offset


class Clocks:
    """Of all live sources. What is replayed keeps its own time."""

    def __init__(self) -> None:
        self.known: dict[str, Clock] = {}

    def time(self, source: str, observed: float, heard: float) -> float:
        """When a report was made, in our time (unix seconds)."""
        delay = heard - observed
        clock = self.known.get(source)
        if clock is None:
            clock = self.known[source] = Clock(least=delay, most=delay, since=heard)
            offset = 0.0
        else:
            offset = clock.judge(delay, heard)
        return min(observed + offset, heard + AHEAD_S)
