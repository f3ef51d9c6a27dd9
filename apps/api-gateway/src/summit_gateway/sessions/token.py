"""The session cookie's token: what it says is signed, so the server keeps no list of sessions."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

import msgspec
from summit_core.clock import Clock
from summit_core.errors import UnauthenticatedError
from summit_core.model import Principal, Role

COOKIE: Final = "summit_session"
LIFETIME: Final = timedelta(hours=12)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` is the id of the API key that signed in; when it is revoked the session ends."""

    key: str
    role: Role
    expires: datetime


class SessionTokens:
    """Signs with HMAC-SHA256. ``previous``: the secret before this one, while it is rotated; it signs nothing new."""

    def __init__(self, secret: str, clock: Clock, previous: str | None = None) -> None:
        self._secret = secret.encode()
        self._believed = (self._secret, (previous or secret).encode())
        self._clock = clock

    def issue(self, principal: Principal) -> str:
        session = Session(key=principal.id, role=principal.role, expires=self._clock.now() + LIFETIME)
        payload = msgspec.json.encode(session)
        return f"{_text(payload)}.{_text(_signature(self._secret, payload))}"

    def read(self, token: str) -> Session:
        """Raises :class:`UnauthenticatedError` unless we signed it and it still lasts."""
        payload, signature = _parts(token)
        if not any(hmac.compare_digest(signature, _signature(one, payload)) for one in self._believed):
            raise UnauthenticatedError("the session is not one of ours; sign in again")
        session = msgspec.json.decode(payload, type=Session)
        if session.expires <= self._clock.now():
            raise UnauthenticatedError("the session has ended; sign in again")
        return session


def _signature(secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, b"summit-session/1:" + payload, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _parts(token: str) -> tuple[bytes, bytes]:
    payload, _, signature = token.partition(".")
    try:
        return base64.urlsafe_b64decode(payload), base64.urlsafe_b64decode(signature)
    except (binascii.Error, ValueError):
        raise UnauthenticatedError("the session is not one of ours; sign in again") from None
