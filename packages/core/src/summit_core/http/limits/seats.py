"""How many things may be held open at a time: by one key, and in all."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from summit_core.errors import RateLimitedError
from summit_core.observability.metrics import LIMITS_REFUSED


class Seats:
    """``total`` in all, whoever has them."""

    def __init__(self, name: str, total: int, *, retry_after_s: float = 5.0) -> None:
        self._name = name
        self._total = total
        self._retry_after_s = retry_after_s
        self._held: Counter[str] = Counter()
        self.taken = 0

    @contextmanager
    def held(self, keys: Mapping[str, int]) -> Iterator[None]:
        """A seat for each key, whose value is how many that key may have; raises :class:`RateLimitedError`."""
        full = next((key for key, most in keys.items() if self._held[key] >= most), None)
        if full is not None or self.taken >= self._total:
            LIMITS_REFUSED.labels(policy=self._name).inc()
            most = self._total if full is None else keys[full]
            raise RateLimitedError(
                f"{most} {self._name} are open already; close one first", retry_after_s=self._retry_after_s
            )
        self._held.update(keys.keys())
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._held.subtract(keys.keys())
            for key in keys:
                if self._held[key] <= 0:
                    del self._held[key]
