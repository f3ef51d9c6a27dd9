"""Ids of tracks: a number in the arrays, a ULID outside. One is made from the other; nothing has to be remembered.

The number: 18 bits of the shard's name, 33 bits of seconds since 1970, 12 bits that count on (and over into the seconds
where an instant has more than 4,096 beginnings). It only grows within a shard, and it comes from the time of the data,
so that the same data give the same ids. The ULID: 48 bits of milliseconds, 80 bits that hold the number.
"""

from functools import lru_cache
from hashlib import blake2b

SECONDS_BITS, COUNT_BITS, NAME_BITS = 33, 12, 18
LATEST = float(1 << SECONDS_BITS)
"""No scan may be after this (year 2242) or before 1970."""
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]
DIGITS = str.maketrans(CROCKFORD, "0123456789abcdefghijklmnopqrstuv")
LETTERS = 26
REMEMBERED = 1 << 17


def first_id(name: str, time: float) -> int:
    """The least number that a shard gives to a track that begins at ``time``."""
    slot = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") & ((1 << NAME_BITS) - 1)
    return (slot << SECONDS_BITS | int(time)) << COUNT_BITS


@lru_cache(REMEMBERED)
def ulid(number: int) -> str:
    """The id that the world sees."""
    seconds = (number >> COUNT_BITS) & ((1 << SECONDS_BITS) - 1)
    value = (seconds * 1000) << 80 | number
    return "".join(PAIRS[value >> shift & 1023] for shift in range(120, -1, -10))


@lru_cache(REMEMBERED)
def number(text: str) -> int:
    """The inverse of ``ulid``. Raises ValueError for what is none of ours."""
    if len(text) != LETTERS or not set(text) <= set(CROCKFORD):
        raise ValueError(f"not the id of a track: {text[:40]!r}")
    found = int(text.translate(DIGITS), 32) & ((1 << 80) - 1)
    if found >= 1 << 63 or ulid(found) != text:
        raise ValueError(f"not the id of a track: {text!r}")
    return found
