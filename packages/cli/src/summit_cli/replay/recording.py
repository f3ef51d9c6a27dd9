"""A recording: its name, its records, and what a reader makes of each of them."""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace
from summit_core.ids import derived_id
from summit_core.model import AnyObservation

DEFAULT_START = datetime(2020, 1, 1, tzinfo=UTC)
KNOT_MPS = 1852.0 / 3600.0
FOOT_M = 0.3048
FEET_PER_MINUTE_MPS = FOOT_M / 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot become an observation, and why. ``record`` counts from 1."""

    record: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Recording:
    """``name`` is the file's stem and a hash of its content: the same file is the same recording wherever it lies.

    ``start`` is the time of the first record in formats that carry no time. ``notes`` counts what is not a record.
    """

    name: str
    content: bytes = field(repr=False)
    start: datetime = DEFAULT_START
    notes: Counter[str] = field(default_factory=Counter)

    def identify(self, observation: AnyObservation, record: int) -> AnyObservation:
        """Give it the recording's name and an id that is the same in every run (its own, where it has one)."""
        made = observation.id or derived_id(observation.observed_at, self.name, str(record))
        return replace(observation, id=made, recording=self.name)


Reader = Callable[[Recording], Iterator[AnyObservation | Reject]]


def load(path: Path, start: datetime = DEFAULT_START) -> Recording:
    """Read a file, unpacking gzip."""
    raw = path.read_bytes()
    content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    stem = re.sub(r"[^A-Za-z0-9_\-]", "-", path.name.split(".")[0])[:50] or "recording"
    return Recording(f"{stem}-{hashlib.blake2b(content, digest_size=4).hexdigest()}", content, start)


def scaled(value: float | None, factor: float) -> float | None:
    """``value`` in our unit, where there is one."""
    return None if value is None else value * factor
