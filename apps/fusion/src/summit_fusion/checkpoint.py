"""The state of fusion on disk: after a `kill -9` it goes on bit by bit as if nothing had happened.

A file holds one checkpoint: what it is (magic and version), a checksum, the length, the content. It is written beside
the last one, flushed to the disk and then put in its place, so at every moment one whole checkpoint is there; the one
before it is kept as well, for the disk that lied.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

MAGIC: Final = b"SUMMITFUSION"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<12sIIQ")
"""Magic, version, CRC-32 of the content, length of the content."""


class Checkpoints:
    """The checkpoints of one shard in a folder of ours."""

    def __init__(self, folder: Path, shard: str = "fusion") -> None:
        self._folder = folder
        self._latest, self._previous = folder / f"{shard}.checkpoint", folder / f"{shard}.checkpoint.previous"

    def write(self, content: bytes) -> None:
        """Keep it; when this returns it survives a power failure. Raises :class:`OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._latest.with_name(f"{self._latest.name}.new")
        with fresh.open("wb") as file:
            file.write(_HEADER.pack(MAGIC, VERSION, zlib.crc32(content), len(content)))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if self._latest.exists():
            self._latest.replace(self._previous)
        fresh.replace(self._latest)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self) -> Iterator[bytes]:
        """The whole ones, newest first. What is damaged, or of another version, is named in the log and left out."""
        for path in (self._latest, self._previous):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("checkpoint cannot be read", file=path.name, error=str(error))
                continue
            problem = _problem(data)
            if problem is None:
                yield data[_HEADER.size :]
            else:
                log.warning("checkpoint left out", file=path.name, reason=problem)


def _problem(data: bytes) -> str | None:
    if len(data) < _HEADER.size:
        return "cut off"
    magic, version, checksum, length = _HEADER.unpack_from(data)
    if magic != MAGIC:
        return "not a checkpoint"
    if version != VERSION:
        return f"version {version}, ours is {VERSION}"
    content = memoryview(data)[_HEADER.size :]
    if len(content) != length:
        return "cut off"
    return None if zlib.crc32(content) == checksum else "damaged"
