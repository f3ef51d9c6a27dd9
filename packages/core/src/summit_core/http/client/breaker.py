"""A circuit breaker (M. Nygard, Release It!, 2nd edition, section 5.2): who is away is not asked again and again.

closed     every call goes; opens when of the last calls at least ``least``, and at least ``ratio`` of them, failed
open       no call goes for ``open_s``
half-open  exactly one call goes, the probe: if it succeeds the breaker closes, if it fails it is open again. A probe
           that is called off says nothing; the next call is the probe then
"""

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from time import monotonic
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge

from summit_core.errors import UnavailableError

STATE = Gauge("summit_breaker_state", "0 closed, 1 half-open, 2 open", ["upstream"])
TRANSITIONS = Counter("summit_breaker_transitions_total", "Changes of the state of a breaker", ["upstream", "to"])
LEAST: Final = 5
RATIO: Final = 0.5
LAST_CALLS: Final = 20
WINDOW_S: Final = 10.0
OPEN_S: Final = 1.0


class State(IntEnum):
    CLOSED, HALF_OPEN, OPEN = range(3)


class BreakerOpenError(UnavailableError):
    """Nothing was sent: the upstream failed too often just now."""


class Permit(NamedTuple):
    """For one call; what becomes of it counts only while the breaker is in the state that let it go."""

    generation: int


class Breaker:
    """Of one upstream; used by one event loop, so it needs no lock."""

    def __init__(
        self,
        upstream: str,
        *,
        least: int = LEAST,
        ratio: float = RATIO,
        window_s: float = WINDOW_S,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._upstream, self._clock = upstream, clock
        self._least, self._ratio, self._window_s, self._open_s = least, ratio, window_s, open_s
        self._calls: deque[tuple[float, bool]] = deque(maxlen=max(LAST_CALLS, least))
        self._generation = 0
        self._probing = False
        self._opened_at = 0.0
        self.state = State.CLOSED
        STATE.labels(upstream).set(State.CLOSED)

    def enter(self) -> Permit:
        """Before a call. Raises :class:`BreakerOpenError`, which says when to come again, if it may not go."""
        if self.state is State.OPEN and self._clock() >= self._opened_at + self._open_s:
            self._move(State.HALF_OPEN)
        if self.state is State.OPEN or self._probing:
            wait_s = self._open_s if self._probing else self._opened_at + self._open_s - self._clock()
            raise BreakerOpenError(f"{self._upstream} is away; try again", retry_after_s=wait_s)
        self._probing = self.state is State.HALF_OPEN
        return Permit(self._generation)

    def leave(self, permit: Permit, went_well: bool | None) -> None:
        """After the call; None when it says nothing of the upstream, such as one that the caller called off."""
        if permit.generation != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._probing = False
            if went_well is not None:
                self._move(State.CLOSED if went_well else State.OPEN)
        elif went_well is not None:
            self._count(went_well)

    def _count(self, went_well: bool) -> None:
        now = self._clock()
        self._calls.append((now, went_well))
        if went_well:
            return
        recent = [good for at, good in self._calls if at > now - self._window_s]
        failed = recent.count(False)
        if failed >= self._least and failed >= self._ratio * len(recent):
            self._move(State.OPEN)

    def _move(self, state: State) -> None:
        self.state, self._probing = state, False
        self._generation += 1
        self._calls.clear()
        if state is State.OPEN:
            self._opened_at = self._clock()
        STATE.labels(self._upstream).set(state)
        TRANSITIONS.labels(self._upstream, state.name.lower()).inc()
