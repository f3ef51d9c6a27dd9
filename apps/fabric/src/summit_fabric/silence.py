"""The silence alarm: who has not spoken for longer than its own rhythm allows, in the accounts and in the metrics."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace
from prometheus_client import Gauge
from summit_core.clock import Clock
from summit_core.model import SourceAccount
from summit_core.observability.bounded import Bounded
from summit_core.observability.health import HealthMonitor
from summit_core.store import Pool

from summit_fabric.accounts import Ledger
from summit_fabric.books import Books
from summit_fabric.keeper import Keeper
from summit_fabric.rhythm import patience_s

LOOK_EVERY_S: Final = 5.0
SOURCES_SHOWN: Final = 100
"""So many have gauges of their own: those that were heard first. The others share ``other``, which shows the worst of
them (of their rates and gaps the sum); which it is, the accounts say."""
TIMER: Final = "fabric-silence"
SOURCES = Gauge("summit_sources", "Sources that were ever heard, at most the latest 20,000")
SILENT_SOURCES = Gauge("summit_sources_silent", "Sources that are silent for longer than their rhythm allows")
SILENT = Gauge("summit_source_silent", "1 while the source is silent", ["source"])
AGE = Gauge("summit_source_last_message_age_seconds", "Since the source was last heard", ["source"])
OFFSET = Gauge(
    "summit_source_clock_offset_seconds",
    "How far the clock of the source is ahead of ours (negative: behind)",
    ["source"],
)
RATE = Gauge("summit_source_rate", "Observations a second, mean over half a minute", ["source"])
GAPS = Gauge("summit_source_gaps", "Sequence numbers of the source that never came", ["source"])


class Silence:
    """Joins what is entered in the books with what was heard since."""

    def __init__(self, books: Books, keeper: Keeper, clock: Clock) -> None:
        self._books = books
        self._keeper = keeper
        self._clock = clock
        self._labels = Bounded(SOURCES_SHOWN)

    def account(self, ledger: Ledger) -> SourceAccount:
        """What is shown of a ledger, as of now."""
        now = self._clock.now()
        since = self.since(ledger, now)
        return replace(
            ledger.account(),
            rate=round(ledger.rate_at(now), 3),
            expected_interval_s=self._books.stated(ledger.id) or ledger.learned_interval_s,
            freshness=self._keeper.freshness_of(ledger.id, ledger.last_heard),
            silent=since is not None,
            silent_since=since,
        )

    def since(self, ledger: Ledger, now: datetime) -> datetime | None:
        """Since when the source is overdue; None while it is not, or while nobody knows how often it speaks.

        A silence counts only from when we began to listen: before that it may have been our own.
        """
        interval_s = self._books.stated(ledger.id) or ledger.learned_interval_s
        if interval_s is None or ledger.last_heard is None:
            return None
        heard_at = max(ledger.last_heard, self._keeper.heard_at(ledger.id))
        if (now - heard_at).total_seconds() <= patience_s(interval_s):
            return None
        return ledger.last_heard + timedelta(seconds=interval_s)

    async def watch(self, health: HealthMonitor, pool: Pool) -> None:
        """Keep the metrics in step."""
        while True:
            await self._books.load(pool)
            self.measure()
            health.beat(TIMER)
            await asyncio.sleep(LOOK_EVERY_S)

    def measure(self) -> None:
        now = self._clock.now()
        silent = 0
        shown: dict[str, _Shown] = defaultdict(_Shown)
        ledgers = self._books.ledgers()
        for ledger in ledgers:
            is_silent = self.since(ledger, now) is not None
            silent += is_silent
            age_s = (now - ledger.last_heard).total_seconds() if ledger.last_heard else 0.0
            shown[self._labels.label(ledger.id)].take(
                is_silent, age_s, ledger.clock_offset_s or 0.0, ledger.rate_at(now), ledger.gaps
            )
        for label, one in shown.items():
            SILENT.labels(label).set(one.silent)
            AGE.labels(label).set(one.age_s)
            OFFSET.labels(label).set(one.offset_s)
            RATE.labels(label).set(one.rate)
            GAPS.labels(label).set(one.gaps)
        SOURCES.set(len(ledgers))
        SILENT_SOURCES.set(silent)


@dataclass
class _Shown:
    """What one label shows: of one source, or of all that share it."""

    silent: bool = False
    age_s: float = 0.0
    offset_s: float = 0.0
    rate: float = 0.0
    gaps: int = 0

    def take(self, silent: bool, age_s: float, offset_s: float, rate: float, gaps: int) -> None:
        self.silent |= silent
        self.age_s = max(self.age_s, age_s)
        self.offset_s = max(self.offset_s, offset_s, key=abs)
        self.rate += rate
        self.gaps += gaps
