"""How much a caller may have in a window of time, and what the window says about one more. Pure.

A sliding-window counter: two neighbouring windows are counted, and of the older one as much as the sliding window still
covers. That admits at most the quota over any window on the usual assumption that the older hits came evenly.
"""

import math
import re
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator

_shape: Final = re.compile(r"([1-9][0-9]{0,11})/([1-9][0-9]{0,4})")
GRACE_S: Final = 0.001
"""Nobody is told to come back at the very instant at which rounding decides."""


class Quota(NamedTuple):
    """``amount`` in any ``window_s`` seconds."""

    amount: int
    window_s: int

    def __str__(self) -> str:
        return f"{self.amount}/{self.window_s}"


def parse_quota(value: Any) -> Quota:
    """From ``"100/60"``; raises ``ValueError`` that says how it is written."""
    if isinstance(value, Quota):
        return value
    match = _shape.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write AMOUNT/SECONDS, such as "100/60" for 100 a minute; both at least 1')
    return Quota(int(match[1]), int(match[2]))


QuotaField = Annotated[Quota, BeforeValidator(parse_quota)]


class Policy(NamedTuple):
    """``shared``: counted over all replicas, where there is a shared store; else in each process."""

    name: str
    quota: Quota
    shared: bool = True


class Window(NamedTuple):
    """What was counted before: in the window of now, in the one before it; and seconds into the one of now."""

    current: int
    previous: int
    elapsed_s: float


class Verdict(NamedTuple):
    """``remaining`` after this one; ``retry_after_s`` is 0 for what is admitted; ``reset_s`` to the window's end."""

    policy: Policy
    admitted: bool
    remaining: int
    retry_after_s: float
    reset_s: float


def judge(policy: Policy, window: Window, cost: int) -> Verdict:
    """May ``cost`` more be had now; and if not, when?"""
    amount, length_s = policy.quota
    used = window.current + window.previous * (1.0 - window.elapsed_s / length_s)
    reset_s = length_s - window.elapsed_s
    if used + cost <= amount:
        return Verdict(policy, True, int(amount - used - cost), 0.0, reset_s)
    return Verdict(policy, False, 0, _wait_s(policy.quota, window, cost), reset_s)


def _wait_s(quota: Quota, window: Window, cost: int) -> float:
    """Seconds until ``cost`` fits, when nobody takes anything in between."""
    amount, length_s = quota
    rest_s = length_s - window.elapsed_s
    free = amount - cost - window.current
    if free >= 0:  # it fits as soon as enough of the window before has slid out
        return length_s * (1.0 - free / window.previous) - window.elapsed_s + GRACE_S
    if cost >= amount:  # only when nothing is left of either window
        return rest_s + length_s + GRACE_S
    return rest_s + length_s * (1.0 - (amount - cost) / window.current) + GRACE_S


def whole_seconds(seconds: float) -> int:
    """As headers say it: rounded up, at least 1."""
    return max(1, math.ceil(seconds))
