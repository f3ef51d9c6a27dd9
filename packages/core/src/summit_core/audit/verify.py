"""Proves an export of the audit, offline: lines of the chain, then its signed head."""

import os
from collections.abc import Mapping
from typing import IO, Final, NamedTuple

from summit_core.audit.chain import Broken, Walk
from summit_core.audit.head import Head, read_head

PIECE: Final = 64 * 1024


class Verified(NamedTuple):
    """A chain that holds. ``trusted``: it was signed by the key that was given."""

    head: Head
    records: int
    key: str
    trusted: bool


def verify(file: IO[bytes], *, key: str | None = None, known: Mapping[int, str] | None = None) -> Verified:
    """Raises :class:`Broken` with the first broken record.

    ``key`` is the public key that must have signed. ``known`` are hashes by sequence, of heads that were seen earlier
    (an older export, a log line): they must be in it. Without them, who holds the signing key could show a shorter or
    another chain.
    """
    end, tail = _last_line(file)
    signed = read_head(tail)
    walk = Walk() if signed is None else Walk(signed.head.first - 1, signed.head.prev)
    wanted = dict(known or {})
    file.seek(0)
    while file.tell() < end:
        _step(walk, file)
        if wanted.pop(walk.seq, walk.hash) != walk.hash:
            raise Broken("changed", walk.seq, f"record {walk.seq}, or one before it, is not the one known", walk.lines)
    if signed is None:
        raise Broken("truncated", walk.seq + 1, "the signed head is missing at the end", walk.lines + 1)
    head = signed.head
    if not signed.holds or (key is not None and key != signed.key):
        raise Broken("forged", walk.seq, "the head is not signed by the key of the installation", walk.lines + 1)
    if head.seq > walk.seq:
        raise Broken("truncated", walk.seq + 1, f"records {walk.seq + 1} to {head.seq} are missing", walk.lines + 1)
    if head.seq == walk.seq and head.hash != walk.hash:
        raise Broken("changed", walk.seq, f"record {walk.seq} is another one than the head was signed for", walk.lines)
    if head.seq < walk.seq:
        raise Broken("inserted", head.seq + 1, "the signed head is not that of the last record", walk.lines)
    for seq in sorted(wanted):
        if seq >= head.first:
            raise Broken("truncated", walk.seq + 1, f"record {seq} was there once and is missing", walk.lines)
    return Verified(head, walk.lines, signed.key, key is not None)


def _step(walk: Walk, file: IO[bytes]) -> None:
    line = file.readline()
    before = walk.seq
    try:
        if not line.endswith(b"\n"):
            raise Broken("changed", before + 1, "a line without its end", walk.lines + 1)
        walk.step(line[:-1])
    except Broken as broken:
        if broken.kind == "removed" and _is_later(file, broken.seq):
            broken = Broken("reordered", broken.seq, f"record {broken.seq} stands farther down", broken.line)
        elif broken.kind == "changed" and before > walk.start and _goes_on(line, file):
            broken = Broken("changed", before, f"record {before} is another one than record {before + 1} followed")
        raise broken from None


def _is_later(file: IO[bytes], seq: int) -> bool:
    """Whether a record of this number stands in what is left."""
    mark = b',"seq":%d,' % seq
    return any(mark in line for line in file)


def _goes_on(line: bytes, file: IO[bytes]) -> bool:
    """Whether the next record, or the head, follows this one, so that not this one is wrong but the one before."""
    own = _hash_of(line)
    following = file.readline()
    return own is not None and (b'"prev":"%b"' % own in following or b'"hash":"%b"' % own in following)


def _hash_of(line: bytes) -> bytes | None:
    """The hash of a line that is whole in itself."""
    try:
        alone = Walk()
        alone.step(line[:-1])
    except Broken as broken:
        if broken.detail.endswith("was made of"):
            return None
    return line.partition(b'"hash":"')[2][:64] or None


def _last_line(file: IO[bytes]) -> tuple[int, bytes]:
    """Where it begins, and what it is without its line feed (nothing, where that is missing)."""
    size = file.seek(0, os.SEEK_END)
    kept, start = b"", size
    while start and kept.count(b"\n") < 2:
        start = max(0, start - PIECE)
        file.seek(start)
        kept = file.read(size - start)
    if not kept.endswith(b"\n"):
        return size, b""
    tail = kept[:-1].rpartition(b"\n")[2]
    return size - len(tail) - 1, tail
