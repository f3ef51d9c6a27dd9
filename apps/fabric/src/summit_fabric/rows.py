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

COLUMNS: Final = ("id", "t", "received_at", "seq", "h3", "body", "source", "kind", "recording", "organisation")
HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_common = struct.Struct(">hi16siqiqiqiqi").pack
_head = struct.Struct(">hi16siqiq").pack
_number = struct.Struct(">iq").pack
_length = struct.Struct(">i").pack


def storable(data: bytes) -> bytes:
    """JSON without the character U+0000, which PostgreSQL cannot hold: it becomes U+FFFD, the replacement."""
    return data.replace(b"\\u0000", b"\\ufffd") if b"\\" in data else data


def copied(batches: Iterable[Batch]) -> bytes:
    """All rows for ``COPY … (FORMAT binary)``."""
    parts = [HEADER]
    for batch in batches:
        bodies = storable(wire.encode_lines(batch.observations)).split(b"\n")[:-1]
        identifiers = bytes.fromhex("".join([str(one.id) for one in batch.observations]).replace("-", ""))
        start = 0
        for one, cell, body in zip(batch.observations, batch.cells, bodies, strict=True):
            identifier, start = identifiers[start : start + 16], start + 16
            since, seq = one.observed_at - EPOCH, one.seq
            at = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
            received = _microseconds(one.received_at or one.observed_at)
            if seq is not None and cell is not None:  # nearly all
                head = _common(10, 16, identifier, 8, at, 8, received, 8, seq, 8, cell, len(body))
            else:
                numbers = [NULL if number is None else _number(8, number) for number in (seq, cell)]
                head = b"".join((_head(10, 16, identifier, 8, at, 8, received), *numbers, _length(len(body))))
            parts += (head, body, _texts(one.source, wire.kind_of(one), one.recording, one.organisation))
    parts.append(TRAILER)
    return b"".join(parts)


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
                *(one.id, one.observed_at, one.received_at or one.observed_at, one.seq, cell),
                storable(wire.encode(one)).decode(),
                *(one.source, wire.kind_of(one), one.recording, one.organisation),
            )


@lru_cache(maxsize=65_536)
def _texts(*texts: str | None) -> bytes:
    """The short texts of a row, which come again and again, as fields."""
    return b"".join(NULL if text is None else _length(len(data := text.encode())) + data for text in texts)
