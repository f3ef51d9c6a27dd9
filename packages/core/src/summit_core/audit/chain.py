"""The chain: each record carries the hash of the one before and its own. Pure.

**Encoding.** A record is one line of JSON: UTF-8, members sorted by name, nothing between them, no number but integers
of 64 bits, a line feed at its end (what is left of RFC 8785 without fractions). ``hash`` is the SHA-256, in lower-case
hexadecimal, of the same object without the member ``hash``; ``prev`` is the ``hash`` of the record before, 64 zeros for
the first of all; ``seq`` counts from 1 without a gap. A line that is not what its own content is encoded as counts as
changed, so no byte of an export is free.
"""

import hashlib
from typing import Any, Final, Literal, NamedTuple

import msgspec

GENESIS: Final = "0" * 64
canonical = msgspec.json.Encoder(order="sorted").encode
decode = msgspec.json.Decoder(dict[str, Any]).decode
_MARK, _NAME = b"\0", b'"hash":'
_PLACE = msgspec.Raw(_MARK)
"""Where the hash comes into a record that is encoded once: a byte that JSON never has. ``prev`` always follows it."""
Kind = Literal["changed", "removed", "inserted", "reordered", "truncated", "forged"]


class Link(NamedTuple):
    """A record in its place."""

    seq: int
    hash: str
    line: bytes
    """Without the line feed."""


class Broken(Exception):  # noqa: N818  (what it is, not that something went wrong with us)
    """The first record that is not as it was written; ``line`` counts from 1."""

    def __init__(self, kind: Kind, seq: int, detail: str, line: int = 0) -> None:
        super().__init__(detail)
        self.kind, self.seq, self.detail, self.line = kind, seq, detail, line


def link(content: dict[str, Any], seq: int, prev: str) -> Link:
    """The record with its place; what it says of that itself counts for nothing."""
    encoded = canonical({**content, "seq": seq, "prev": prev, "hash": _PLACE})
    before, _, after = encoded.partition(_MARK)
    own = hashlib.sha256(before[: -len(_NAME)] + after[1:]).hexdigest()
    return Link(seq, own, b'%b"%b"%b' % (before, own.encode(), after))


class Walk:
    """Follows a chain record by record, from a place that is known."""

    def __init__(self, seq: int = 0, hash: str = GENESIS) -> None:
        self.start = self.seq = seq
        self.hash, self.lines = hash, 0

    def step(self, line: bytes) -> None:
        """Take the next record, without its line feed; raises :class:`Broken`."""
        self.lines += 1
        expected = self.seq + 1
        content = self._read(line, expected)
        seq = content["seq"]
        if seq > expected:
            raise Broken("removed", expected, f"record {expected} is missing before record {seq}", self.lines)
        if seq < expected:
            raise Broken("inserted", seq, f"a record {seq} stands after record {self.seq}", self.lines)
        if content.get("prev") != self.hash:
            raise Broken("changed", seq, f"record {seq} does not follow this record {self.seq}", self.lines)
        self.seq, self.hash = seq, content["hash"]

    def _read(self, line: bytes, expected: int) -> dict[str, Any]:
        try:
            content = decode(line)
            stated, seq = content.pop("hash"), content["seq"]
            whole = stated == hashlib.sha256(canonical(content)).hexdigest() and type(seq) is int
            whole = whole and canonical(content | {"hash": stated}) == line
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError):
            whole = False
        if not whole:
            raise Broken("changed", expected, f"record {expected} is not what its hash was made of", self.lines)
        return content | {"hash": stated}
