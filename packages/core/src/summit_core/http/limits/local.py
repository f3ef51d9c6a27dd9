"""Counts in the memory of this process. Two dictionaries for each policy, exchanged when a window ends: forgetting
costs nothing, whatever the number of callers, and how many are remembered is bounded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from summit_core.http.limits.quota import Policy, Verdict, Window, judge

MAX_KEYS: Final = 50_000
"""Callers that one policy tells apart in a window; those beyond share one count, so the limit holds for them too."""
OTHERS: Final = "\0others"


@dataclass(slots=True)
class _Counts:
    index: int = 0
    current: dict[str, int] = field(default_factory=dict)
    previous: dict[str, int] = field(default_factory=dict)


class LocalCounts:
    """Not for threads. ``now``: seconds of a clock that never goes back."""

    def __init__(self, now: Callable[[], float] = monotonic, *, max_keys: int = MAX_KEYS) -> None:
        self._now = now
        self._max_keys = max_keys
        self._counts: dict[str, _Counts] = {}

    def take(self, policy: Policy, key: str, cost: int = 1) -> Verdict:
        """Count ``cost``, if it fits."""
        counts, elapsed_s = self._at(policy)
        key = self._name(counts, key)
        used = counts.current.get(key, 0)
        verdict = judge(policy, Window(used, counts.previous.get(key, 0), elapsed_s), cost)
        if verdict.admitted:
            counts.current[key] = used + cost
        return verdict

    def look(self, policy: Policy, key: str, cost: int = 1) -> Verdict:
        """What :meth:`take` would say; nothing is counted."""
        counts, elapsed_s = self._at(policy)
        key = self._name(counts, key)
        return judge(policy, Window(counts.current.get(key, 0), counts.previous.get(key, 0), elapsed_s), cost)

    def give_back(self, policy: Policy, key: str, cost: int = 1) -> None:
        """Undo a :meth:`take` that came to nothing."""
        counts, _ = self._at(policy)
        key = self._name(counts, key)
        counts.current[key] = max(0, counts.current.get(key, 0) - cost)

    def _at(self, policy: Policy) -> tuple[_Counts, float]:
        index, elapsed_s = divmod(self._now(), policy.quota.window_s)
        counts = self._counts.get(policy.name)
        if counts is None:
            counts = self._counts[policy.name] = _Counts(int(index))
        if counts.index != index:
            counts.previous = counts.current if counts.index == index - 1 else {}
            counts.current, counts.index = {}, int(index)
        return counts, elapsed_s

    def _name(self, counts: _Counts, key: str) -> str:
        known = key in counts.current or key in counts.previous or len(counts.current) < self._max_keys
        return key if known else OTHERS
