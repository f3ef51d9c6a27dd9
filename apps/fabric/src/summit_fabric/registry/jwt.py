"""The messages of the broker's auth callout: signed claims both ways (NATS JWT version 2, Ed25519).

Pure. The shapes are those of ``github.com/nats-io/jwt/v2``: ``AuthorizationRequest``, ``User``,
``AuthorizationResponse``.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, field
from summit_core.errors import MalformedError
from summit_core.security.broker import Rights
from summit_core.security.nkey import AccountKey

MAX_BYTES: Final = 64 * 1024
_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_VERSION: Final = 2


class Server(Struct, frozen=True):
    id: str


class Client(Struct, frozen=True):
    """Who connects. ``mqtt_id`` is the MQTT client id, made by the broker where the client gives none."""

    type: str = ""
    host: str = ""
    mqtt_id: str = ""


class Connect(Struct, frozen=True):
    """What it says of itself."""

    user: str = ""
    password: str = field(default="", name="pass")


class ClientTls(Struct, frozen=True):
    """The certificates that the broker has verified, PEM, the client's own first. What it has not verified is sent by
    another name and not read."""

    verified_chains: list[list[str]] | None = None


class Request(Struct, frozen=True):
    """May this one connect? ``user_nkey`` is the name that the broker gives the connection until we answer."""

    server_id: Server
    user_nkey: str
    client_info: Client
    connect_opts: Connect
    client_tls: ClientTls = ClientTls()


class _Claims(Struct, frozen=True):
    nats: Request


def read_request(token: bytes) -> Request:
    """Raises :class:`MalformedError`. Only the broker and our services can publish where these come from, so who signed
    it proves nothing more; an answer is of no use to anyone but the broker that keeps the connection waiting."""
    parts = token.split(b".")
    if len(token) > MAX_BYTES or len(parts) != 3:
        raise MalformedError("not a signed request")
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + b"=="), type=_Claims).nats
    except (msgspec.DecodeError, binascii.Error, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"not an authorization request: {error}") from None


class Issuer:
    """Signs for the account key that the broker's configuration names as ``issuer``."""

    def __init__(self, seed: str, account: str) -> None:
        self._key = AccountKey(seed)
        self._account = account

    def allow(self, request: Request, name: str, rights: Rights, *, now: datetime, until: datetime | None) -> bytes:
        """Let it in under ``name``, over MQTT only, with these rights, at most ``until`` then: the broker ends it."""
        user = {
            "sub": request.user_nkey,
            "aud": self._account,
            "name": name,
            "nats": {
                "pub": _only(rights.publish),
                "sub": _only(rights.subscribe),
                "allowed_connection_types": ["MQTT"],
                "subs": -1,
                "data": -1,
                "payload": -1,
                "type": "user",
                "version": _VERSION,
            },
        }
        expiry = {} if until is None else {"exp": int(until.timestamp())}
        return self._answer(request, {"jwt": self._sign(user | expiry, now).decode()}, now)

    def refuse(self, request: Request, reason: str, *, now: datetime) -> bytes:
        """The reason goes to the broker's log, not to the client."""
        return self._answer(request, {"error": reason}, now)

    def _answer(self, request: Request, said: dict[str, Any], now: datetime) -> bytes:
        typed = said | {"type": "authorization_response", "version": _VERSION}
        return self._sign({"sub": request.user_nkey, "aud": request.server_id.id, "nats": typed}, now)

    def _sign(self, claims: dict[str, Any], now: datetime) -> bytes:
        whole = claims | {"iss": self._key.public, "iat": int(now.timestamp())}
        identifier = base64.b32encode(hashlib.sha256(msgspec.json.encode(whole)).digest()).rstrip(b"=").decode()
        signed = _part(_HEADER) + b"." + _part(whole | {"jti": identifier})
        return signed + b"." + _unpadded(self._key.sign(signed))


def _only(subjects: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """To the broker an empty list of what is allowed is no limit."""
    return {"allow": subjects} if subjects else {"deny": (">",)}


def _part(value: dict[str, Any]) -> bytes:
    return _unpadded(msgspec.json.encode(value))


def _unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
