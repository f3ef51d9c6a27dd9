"""Identifiers: UUIDv7 (RFC 9562, section 5.7), random or derived from content."""

import hashlib
import os
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_MARKS: Final = ((8, "-"), (13, "-"), (18, "-"), (23, "-"), (36, ","))
_VERSIONS, _VARIANTS = frozenset("12345678"), frozenset("89ab")


def new_id() -> str:
    """A fresh UUIDv7."""
    return _uuid7(time.time_ns() // 1_000_000, os.urandom(10).hex())


def passing_id() -> str:
    """A UUIDv7 for what names something only while it lasts, such as a request: unique, but who sees some may guess
    others. Its random bits cost no call of the kernel."""
    return _uuid7(time.time_ns() // 1_000_000, f"{random.getrandbits(80):020x}")


def derived_id(at: datetime, *parts: str | bytes) -> str:
    """A UUIDv7 whose time is ``at`` and whose other 74 bits are a hash of ``parts``.

    The same input gives the same id, so a message that is sent again is recognised as the same.
    """
    framed = b""
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        framed += b"%d:%b" % (len(data), data)
    return _uuid7(max(0, int(at.timestamp() * 1000)), hashlib.sha256(framed).hexdigest())


def are_uuids(texts: Sequence[str]) -> bool:
    """Whether each is a UUID in lower case with its four hyphens (RFC 9562, section 4). All at once: by a pattern, one
    by one, it takes five times as long."""
    count, joined = len(texts), ",".join(texts) + ","
    if len(joined) != 37 * count:
        return count == 0
    marks = all(joined[place::37] == mark * count for place, mark in _MARKS)
    kinds = _VERSIONS.issuperset(joined[14::37]) and _VARIANTS.issuperset(joined[19::37])
    digits = joined.replace("-", "").replace(",", "")
    try:
        return marks and kinds and len(digits) == 32 * count and bytes.fromhex(digits).hex() == digits
    except ValueError:
        return False


def _uuid7(milliseconds: int, rest: str) -> str:
    """``rest`` is at least 19 hexadecimal digits, of which 74 bits are used."""
    at = f"{milliseconds & (2**48 - 1):012x}"
    return f"{at[:8]}-{at[8:]}-7{rest[:3]}-{_VARIANT[rest[3]]}{rest[4:7]}-{rest[7:19]}"
