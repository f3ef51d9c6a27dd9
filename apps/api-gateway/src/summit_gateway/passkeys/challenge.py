"""Challenges: what an authenticator signs, so that nothing signed before counts.

They carry their own end and purpose and are signed by us, so that asking for one writes nothing anywhere: whoever asks
a million times fills no table. Only one that comes back in time is remembered, until it would have ended anyway.
"""

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta
from typing import Final

from summit_core.clock import Clock
from summit_core.errors import UnauthenticatedError

LASTS: Final = timedelta(minutes=2)
SIGN_IN: Final = "sign in"
_NONCE: Final = 16
_END: Final = 8
_MAC: Final = 32


class Challenges:
    """``purpose`` is :data:`SIGN_IN`, or the id of the user who registers: neither counts for the other."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._key = hmac.digest(secret.encode(), b"summit-passkey-challenge/1", hashlib.sha256)
        self._clock = clock

    def issue(self, purpose: str) -> bytes:
        """16 random bytes (WebAuthn, 13.4.3), the end in milliseconds since 1970, and our signature."""
        end = int((self._clock.now() + LASTS).timestamp() * 1000)
        said = os.urandom(_NONCE) + end.to_bytes(_END, "big")
        return said + self._mac(said, purpose)

    def end_of(self, challenge: bytes, purpose: str) -> datetime:
        """Until when it would hold; raises :class:`UnauthenticatedError` unless it is ours, for this, and holds now."""
        said, mac = challenge[:-_MAC], challenge[-_MAC:]
        if len(challenge) == _NONCE + _END + _MAC and hmac.compare_digest(mac, self._mac(said, purpose)):
            end = datetime.fromtimestamp(int.from_bytes(said[_NONCE:], "big") / 1000, UTC)
            if end > self._clock.now():
                return end
        raise UnauthenticatedError("the challenge is not one of ours or has ended; ask for another and try again")

    def _mac(self, said: bytes, purpose: str) -> bytes:
        return hmac.digest(self._key, said + purpose.encode(), hashlib.sha256)
