"""One answer from the counts of this process and those that all replicas share; what holds when the latter are away.

Each request is counted here first. What is refused here goes no farther, so a flood does not reach the shared store.
While the store is away or hangs, what is counted here decides alone: a caller can have at most the quota from each
replica. One request in ``PAUSE_S`` asks the store whether it is back; only that one may wait for it.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

import structlog

from summit_core.errors import RateLimitedError, UnavailableError
from summit_core.http.limits.local import LocalCounts
from summit_core.http.limits.quota import Policy, Verdict
from summit_core.observability.metrics import LIMITS_ALONE, LIMITS_REFUSED, LIMITS_SHARED_UP

log = structlog.get_logger(__name__)

PAUSE_S: Final = 2.0


class Shared(Protocol):
    async def take(self, policy: Policy, key: str, cost: int = 1) -> Verdict: ...


class Limiter:
    """``shared`` is None where there is one replica."""

    def __init__(
        self, shared: Shared | None = None, *, local: LocalCounts | None = None, now: Callable[[], float] = monotonic
    ) -> None:
        self.local = local or LocalCounts(now)
        self._shared = shared
        self._now = now
        self._asked_again_at = 0.0
        self.reason: str | None = None
        """Why the shared counts are not asked just now."""
        LIMITS_SHARED_UP.set(0 if shared is None else 1)

    async def take(self, policy: Policy, key: str, cost: int = 1) -> Verdict:
        """Count ``cost`` for this caller, if it fits."""
        verdict = self.local.take(policy, key, cost)
        if verdict.admitted and policy.shared and self._shared is not None:
            told = await self._ask(self._shared, policy, key, cost)
            if told is not None and not told.admitted:
                self.local.give_back(policy, key, cost)
            verdict = told or verdict
        if not verdict.admitted:
            LIMITS_REFUSED.labels(policy=policy.name).inc()
        return verdict

    async def charge(self, policy: Policy, key: str, cost: int = 1) -> None:
        """As :meth:`take`; raises :class:`RateLimitedError`."""
        verdict = await self.take(policy, key, cost)
        if not verdict.admitted:
            raise refused(verdict)

    async def _ask(self, shared: Shared, policy: Policy, key: str, cost: int) -> Verdict | None:
        """None when the shared counts cannot say."""
        now = self._now()
        if self.reason is not None and now < self._asked_again_at:
            LIMITS_ALONE.inc()
            return None
        self._asked_again_at = now + PAUSE_S  # before the answer: of many that come meanwhile, one asks
        try:
            verdict = await shared.take(policy, key, cost)
        except UnavailableError as error:
            if self.reason is None:
                log.warning("limits are counted in this process alone", reason=error.detail)
            self.reason = error.detail
            LIMITS_SHARED_UP.set(0)
            LIMITS_ALONE.inc()
            return None
        if self.reason is not None:
            log.info("limits are counted together again")
            self.reason = None
            LIMITS_SHARED_UP.set(1)
        return verdict


def refused(verdict: Verdict) -> RateLimitedError:
    """The error that says which limit it was, and when to come again."""
    amount, window_s = verdict.policy.quota
    return RateLimitedError(
        f"more than {amount} in {window_s} s ({verdict.policy.name}); wait as long as Retry-After says",
        retry_after_s=verdict.retry_after_s,
    )
