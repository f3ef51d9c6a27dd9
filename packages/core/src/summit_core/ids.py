"""Identifiers: UUIDv7 (RFC 9562, section 5.7), random or derived from content."""

import hashlib
import os
import time
from datetime import datetime


def new_id() -> str:
    """A fresh UUIDv7."""
    return _uuid7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def derived_id(at: datetime, *parts: str | bytes) -> str:
    """A UUIDv7 whose time is ``at`` and whose other 74 bits are a hash of ``parts``.

    The same input gives the same id, so a message that is sent again is recognised as the same.
    """
    digest = hashlib.blake2b(digest_size=10)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return _uuid7(max(0, int(at.timestamp() * 1000)), int.from_bytes(digest.digest(), "big"))


def _uuid7(milliseconds: int, rest: int) -> str:
    version_and_a = 0x7000 | (rest >> 62) & 0xFFF
    variant_and_b = 0b10 << 62 | rest & (2**62 - 1)
    text = f"{(milliseconds & (2**48 - 1)) << 80 | version_and_a << 64 | variant_and_b:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
