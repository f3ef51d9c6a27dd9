"""One-time codes by time: TOTP (RFC 6238) over HOTP (RFC 4226), SHA-1, 6 digits, 30 s, as authenticators have it."""

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

PERIOD_S: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1
"""Steps that a clock may be off, either way."""
RECOVERY_CODES: Final = 10


def hotp(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """RFC 4226, 5.3."""
    mac = hmac.digest(secret, counter.to_bytes(8, "big"), hashlib.sha1)
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, unix_s: float) -> int | None:
    """The time step whose code this is, or None. All of them are compared, always."""
    now = int(unix_s) // PERIOD_S
    steps = range(now - DRIFT, now + DRIFT + 1)
    right = [step for step in steps if hmac.compare_digest(hotp(secret, step).encode(), code.encode())]
    return right[0] if right else None


def new_secret() -> bytes:
    """160 bits (RFC 4226, 4)."""
    return secrets.token_bytes(20)


def readable(secret: bytes) -> str:
    return base64.b32encode(secret).decode()


def secret_of(readable_: str) -> bytes:
    """The other way round: what an authenticator does."""
    return base64.b32decode(readable_)


def uri(secret: bytes, name: str) -> str:
    """What the QR code for an authenticator says."""
    issuer = "Summit OS"
    return f"otpauth://totp/{quote(f'{issuer}:{name}')}?" + urlencode({"secret": readable(secret), "issuer": issuer})


def new_recovery_codes() -> list[str]:
    """80 random bits each: so a plain hash of them is enough."""
    return [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    return hashlib.sha256(code.strip().lower().encode()).digest()


class Seal:
    """Encrypts what the server has to read again, with a key made from its secret; reads what the one before sealed."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._boxes = [SecretBox(_key(one)) for one in (secret, previous) if one is not None]

    def seal(self, data: bytes) -> bytes:
        return bytes(self._boxes[0].encrypt(data))

    def open(self, sealed: bytes) -> bytes | None:
        """None when neither secret sealed it."""
        return next((data for box in self._boxes if (data := _opened(box, sealed)) is not None), None)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether today's secret alone opens it."""
        return _opened(self._boxes[0], sealed) is not None


def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=SecretBox.KEY_SIZE, person=b"summit-totp").digest()


def _opened(box: SecretBox, sealed: bytes) -> bytes | None:
    try:
        return box.decrypt(sealed)
    except CryptoError:
        return None
