"""Observations as rows: for COPY in PostgreSQL's binary format, and as values where a duplicate has to be looked for.

The format is that of the PostgreSQL documentation, "COPY", section "Binary Format": per row the number of fields, per
field its length (-1: null) and bytes; times are microseconds since 2000, in network order. Written here because the
driver needs three times as long for it, field by field.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from summit_core import wire

from summit_fabric.decoded import Batch

COLUMNS: Final = ("id", "t", "received_at", "source", "kind", "seq", "h3", "recording", "organisation", "body")
HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_head = struct.Struct(">hi16siqiq").pack
_number = struct.Struct(">iq").pack
_length = struct.Struct(">i").pack


def storable(data: bytes) -> bytes:
    """JSON without the character U+0000, which PostgreSQL cannot hold: it becomes U+FFFD, the replacement."""
    return data.replace(b"\\u0000", b"\\ufffd")


def copied(batches: Iterable[Batch]) -> bytes:
    """All rows for ``COPY … (FORMAT binary)``."""
    parts = [HEADER]
    for batch in batches:
        for one, cell, body in zip(batch.observations, batch.cells, _bodies(batch), strict=True):
            at = one.observed_at - EPOCH
            parts += (
                _head(
                    *(10, 16, bytes.fromhex(str(one.id).replace("-", ""))),
                    *(8, (at.days * 86_400 + at.seconds) * 1_000_000 + at.microseconds),
                    *(8, _microseconds(one.received_at or one.observed_at)),
                ),
                _text(one.source),
                _text(wire.kind_of(one)),
                NULL if one.seq is None else _number(8, one.seq),
                NULL if cell is None else _number(8, cell),
                NULL if one.recording is None else _text(one.recording),
                NULL if one.organisation is None else _text(one.organisation),
                _length(len(body)),
                body,
            )
    parts.append(TRAILER)
    return b"".join(parts)


def _bodies(batch: Batch) -> list[bytes]:
    """All in one go: half of what one at a time costs. JSON has no line breaks but those that we put between."""
    lines = wire.encode_lines(batch.observations)
    return (storable(lines) if b"\\u0000" in lines else lines).split(b"\n")[:-1]


@lru_cache(maxsize=64)
def _microseconds(at: datetime) -> int:
    """Since 2000; many in a row share their time of arrival."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def values(batches: Iterable[Batch]) -> Iterator[tuple[Any, ...]]:
    """As ``COLUMNS``."""
    for batch in batches:
        for one, cell in zip(batch.observations, batch.cells, strict=True):
            yield (
                *(one.id, one.observed_at, one.received_at or one.observed_at, one.source, wire.kind_of(one)),
                *(one.seq, cell, one.recording, one.organisation, storable(wire.encode(one)).decode()),
            )


@lru_cache(maxsize=65_536)
def _text(text: str) -> bytes:
    """A short text that comes again and again, as a field."""
    data = text.encode()
    return _length(len(data)) + data
