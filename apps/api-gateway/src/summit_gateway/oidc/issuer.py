"""The keys of the issuer, found by discovery (OpenID Connect Discovery 1.0, RFC 7517), kept while it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from summit_core.clock import Clock
from summit_core.errors import UnauthenticatedError, UnavailableError
from summit_core.observability.health import HealthMonitor

log = structlog.get_logger(__name__)

ALGORITHMS: Final = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""The one algorithm of each type of key. The key decides, never the token; a shared secret (oct) is no key of ours."""
RSA_BITS: Final = 2048
MIN_INTERVAL: Final = timedelta(seconds=10)
"""However many unknown key ids come: the issuer is asked no more often."""
RENEW_S: Final = 300.0
"""How long a key that the issuer has taken out is still believed, while the issuer answers."""
TIMEOUT_S: Final = 3.0
MAX_BYTES: Final = 256 * 1024
LOOP: Final = "oidc"
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
Fetch = Callable[[str], Awaitable[bytes]]


class IssuerError(Exception):
    """The issuer did not answer, or with something that cannot be believed."""


class Issuer:
    """``fetch`` gets a document; raises :class:`IssuerError`."""

    def __init__(self, name: str, fetch: Fetch, clock: Clock) -> None:
        self.name = name
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] | None = None
        self._asked_at: datetime | None = None
        self._turn = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK:
        """Raises :class:`UnauthenticatedError` for a key that the issuer does not have, :class:`UnavailableError` when
        none of its keys was ever seen."""
        if kid not in (self._keys or {}):
            await self._ask_if_due()
        if self._keys is None:
            raise UnavailableError(f"the issuer {self.name} does not answer; try again", retry_after_s=10)
        if kid not in self._keys:
            raise UnauthenticatedError("the token is signed with a key that the issuer does not have")
        return self._keys[kid]

    async def run(self, health: HealthMonitor) -> None:
        """Follow the issuer's keys. It may be away: that is no fault of ours, keys and users work without it."""
        health.expect(LOOP)
        while True:
            await self._ask_if_due()
            health.beat(LOOP)
            await asyncio.sleep(RENEW_S if self._keys is not None else MIN_INTERVAL.total_seconds())

    async def _ask_if_due(self) -> None:
        async with self._turn:
            now = self._clock.now()
            if self._asked_at is not None and now - self._asked_at < MIN_INTERVAL:
                return
            self._asked_at = now
            try:
                self._keys = await self._ask()
            except IssuerError as error:
                log.warning("the issuer's keys could not be read; the last good ones hold", error=str(error))

    async def _ask(self) -> dict[str, jwt.PyJWK]:
        found = _object(await self._fetch(self.name.rstrip("/") + "/.well-known/openid-configuration"))
        if found.get("issuer") != self.name:
            raise IssuerError(f"it calls itself {found.get('issuer')!r}, not {self.name!r}")
        address = found.get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address):
            raise IssuerError("its jwks_uri is not https")
        keys = _object(await self._fetch(address)).get("keys")
        usable = {kid: key for data in keys if (key := _key(data)) and (kid := data.get("kid"))} if keys else {}
        if not usable:
            raise IssuerError("there is no usable key among its keys")
        return usable


def is_safe(address: str) -> bool:
    """Whether nobody in between can put another document in its place."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def fetcher(session: aiohttp.ClientSession) -> Fetch:
    """Follows no redirect, takes no more than :data:`MAX_BYTES`."""

    async def fetch(address: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with session.get(address, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    raise IssuerError(f"{address} answered {response.status}")
                content = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    content += chunk
                    if len(content) > MAX_BYTES:
                        raise IssuerError(f"{address} is larger than {MAX_BYTES} bytes")
                return bytes(content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise IssuerError(f"{address}: {error or type(error).__name__}") from error

    return fetch


def _object(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise IssuerError(f"not a JSON object: {error}") from error


def _key(data: Any) -> jwt.PyJWK | None:
    """A key that we verify with, or None: it may be for another use, or of an algorithm that we do not take."""
    if not isinstance(data, dict) or data.get("use", "sig") != "sig":
        return None
    algorithm = ALGORITHMS.get((data.get("kty", ""), data.get("crv")))
    if algorithm is None or data.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(data, algorithm)
    except jwt.PyJWTError as error:
        log.warning("a key of the issuer cannot be read", kid=str(data.get("kid")), error=str(error))
        return None
    return None if isinstance(key.key, RSAPublicKey) and key.key.key_size < RSA_BITS else key
