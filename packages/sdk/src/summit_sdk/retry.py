"""How long to wait before the next attempt."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, with jitter so that a thousand devices do not come back in the same instant."""

    first_s: float = 0.2
    longest_s: float = 10.0

    def delay(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Seconds before attempt ``attempt + 1`` (from 1), never sooner than the server asked for."""
        wait = min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 32))
        return (retry_after_s or 0.0) + wait * random.uniform(0.5, 1.0)
