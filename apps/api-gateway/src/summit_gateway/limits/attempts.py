"""Wrong credentials, stopped before anybody looks them up; and so that one broken client locks out nobody else.

Whoever guesses sends a different credential each time: those are counted by address. Whoever forgot to change his sends
the same again and again: that is counted by credential, so that his neighbours behind the same address do not notice.
What was right before from anywhere is not asked here at all.
"""

import os
from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple

from starlette.types import Scope
from summit_core.http.limits.limiter import refused
from summit_core.http.limits.local import LocalCounts
from summit_core.http.limits.quota import Policy

REMEMBERED: Final = 10_000
_SHOWN: Final = frozenset({b"authorization", b"cookie"})
ATTEMPT: Final = "attempt"
"""In the state of a request: the digest of an unproved credential that was let through to be looked up."""


class _Recent:
    """The last credentials of a kind, as digests."""

    def __init__(self) -> None:
        self._digests: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        self._digests[digest] = None
        self._digests.move_to_end(digest)
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)

    def discard(self, digest: str) -> None:
        self._digests.pop(digest, None)


class Attempt(NamedTuple):
    """One credential that was let through to be looked up, and what was reserved for it."""

    digest: str
    reserved: tuple[tuple[Policy, str], ...]


class Attempts:
    """Counts in this process alone: the counts must cost less than the look-up that they save."""

    def __init__(self, counts: LocalCounts, of_credential: Policy, of_address: Policy) -> None:
        self._counts = counts
        self._of_credential = of_credential
        self._of_address = of_address
        self._right, self._wrong = _Recent(), _Recent()
        self._salt = os.urandom(16)

    def admit(self, scope: Scope, address: str) -> None:
        """Raises :class:`RateLimitedError`. Reserves a place, so that a thousand guesses at once do not all get in."""
        credential = _credential(scope)
        if not credential:
            return
        digest = blake2b(credential, digest_size=16, key=self._salt).hexdigest()
        wanted = () if digest in self._right else self._keys(digest, address)
        for policy, key in wanted:
            verdict = self._counts.take(policy, key)
            if not verdict.admitted:
                raise refused(verdict)
        scope.setdefault("state", {})[ATTEMPT] = Attempt(digest, wanted)

    def settle(self, scope: Scope, good: bool | None) -> None:
        """What became of it; None when nobody could say, which counts for nothing."""
        attempt = scope["state"].pop(ATTEMPT, None)
        if attempt is None:
            return
        if good is False:
            self._right.discard(attempt.digest)
            self._wrong.add(attempt.digest)
            return
        for policy, key in attempt.reserved:
            self._counts.give_back(policy, key)
        if good:
            self._right.add(attempt.digest)

    def _keys(self, digest: str, address: str) -> tuple[tuple[Policy, str], ...]:
        by_credential = (self._of_credential, f"{address} {digest}")
        return (by_credential,) if digest in self._wrong else (by_credential, (self._of_address, address))


def _credential(scope: Scope) -> bytes:
    """What the request shows of who it is, whatever its form."""
    return b"\n".join([value for name, value in scope["headers"] if name in _SHOWN])[:8192]
