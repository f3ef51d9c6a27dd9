"""The two tokens of a session. ``sma_…`` says what session it is and is signed, so that nothing has to be looked up to
tell it from a forgery; ``smr_…`` is random, and only its hash is kept."""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

import msgspec
from summit_core.clock import Clock
from summit_core.errors import UnauthenticatedError

from summit_gateway.sessions.session import ACCESS_FOR

ACCESS: Final = "sma_"
REFRESH: Final = "smr_"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    session: str
    expires: datetime


class AccessTokens:
    """Signs with HMAC-SHA256. ``previous``: the secret before this one, while it is rotated; it signs nothing new."""

    def __init__(self, secret: str, clock: Clock, previous: str | None = None) -> None:
        self._secret = secret.encode()
        self._believed = (self._secret, (previous or secret).encode())
        self._clock = clock

    def issue(self, session: str) -> str:
        payload = msgspec.json.encode(Access(session=session, expires=self._clock.now() + ACCESS_FOR))
        return f"{ACCESS}{_text(payload)}.{_text(_signature(self._secret, payload))}"

    def read(self, token: str) -> str:
        """The id of the session; raises :class:`UnauthenticatedError` unless we signed it and it still lasts."""
        payload, signature = _parts(token)
        if not any(hmac.compare_digest(signature, _signature(one, payload)) for one in self._believed):
            raise UnauthenticatedError("the session is not one of ours; sign in again")
        access = msgspec.json.decode(payload, type=Access)
        if access.expires <= self._clock.now():
            raise UnauthenticatedError("the token has expired; renew it (POST /v1/session/refresh) or sign in again")
        return access.session


def new_refresh() -> tuple[str, bytes]:
    """A refresh token and its hash."""
    token = REFRESH + secrets.token_hex(32)
    return token, refresh_hash(token)


def refresh_hash(token: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _signature(secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, b"summit-session/2:" + payload, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(token: str) -> tuple[bytes, bytes]:
    payload, _, signature = token.removeprefix(ACCESS).partition(".")
    try:
        return _bytes(payload), _bytes(signature)
    except (binascii.Error, ValueError):
        raise UnauthenticatedError("the session is not one of ours; sign in again") from None


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
