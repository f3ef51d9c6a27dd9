"""Retries that cannot amplify an outage: a budget in proportion to the calls, and full jitter between them.

Sources: M. Brooker, "Exponential Backoff And Jitter" (2015); Google SRE book, chapter 21, "Handling Overload".
"""

import random
from typing import Final

SHARE: Final = 0.1
"""Retries for each call."""
MOST: Final = 10.0
"""Retries that may be saved up."""
AT_START: Final = 3.0
TRIES: Final = 3
BASE_S: Final = 0.05
LONGEST_S: Final = 0.5


class RetryBudget:
    """A token bucket that calls fill and retries empty."""

    def __init__(self, share: float = SHARE, most: float = MOST, at_start: float = AT_START) -> None:
        self._share, self._most, self._tokens = share, most, at_start

    def called(self) -> None:
        self._tokens = min(self._most, self._tokens + self._share)

    def take(self) -> bool:
        """Whether one more retry is in the budget; it is spent then."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def pause_s(tried: int) -> float:
    """Before the next try, after ``tried`` ones (from 1): anything up to a bound that doubles."""
    return random.uniform(0.0, min(LONGEST_S, BASE_S * 2 ** (tried - 1)))
