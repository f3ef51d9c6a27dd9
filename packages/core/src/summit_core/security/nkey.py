"""Account keys of NATS (nkeys): Ed25519 as text, in base32 with a prefix and a checksum (CRC-16/XMODEM).

The format is that of ``github.com/nats-io/nkeys``: a seed begins with ``SA``, a public key with ``A``.
"""

import base64
import binascii
import os
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

_SEED: Final = 18 << 3
_ACCOUNT: Final = 0
_SEED_HEAD: Final = bytes((_SEED | _ACCOUNT >> 5, (_ACCOUNT & 31) << 3))
_RAW_BYTES: Final = 32


class AccountKey:
    """Signs for an account."""

    def __init__(self, seed: str) -> None:
        """Raises ``ValueError`` for what is not the seed of an account key."""
        self.seed = seed
        self._key = SigningKey(_raw(seed))
        self.public: str = _text(bytes((_ACCOUNT,)) + bytes(self._key.verify_key))

    @classmethod
    def new(cls) -> "AccountKey":
        return cls(_text(_SEED_HEAD + os.urandom(_RAW_BYTES)))

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(data).signature


def _text(data: bytes) -> str:
    checked = data + binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(checked).rstrip(b"=").decode()


def _raw(seed: str) -> bytes:
    try:
        checked = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except ValueError:
        checked = b""
    data, checksum = checked[:-2], int.from_bytes(checked[-2:], "little")
    head, raw = data[: len(_SEED_HEAD)], data[len(_SEED_HEAD) :]
    if head != _SEED_HEAD or len(raw) != _RAW_BYTES or binascii.crc_hqx(data, 0) != checksum:
        raise ValueError("not the seed of a NATS account key; it begins with SA")
    return raw


def is_signature(public: str, data: bytes, signature: bytes) -> bool:
    """Whether the owner of the public account key signed the data; False as well for what is no such key."""
    try:
        checked = base64.b32decode(public + "=" * (-len(public) % 8))
        raw = checked[1:-2]
        if _text(checked[:-2]) != public or checked[:1] != bytes((_ACCOUNT,)):
            return False
        VerifyKey(raw).verify(data, signature)
    except (ValueError, BadSignatureError):
        return False
    return True
