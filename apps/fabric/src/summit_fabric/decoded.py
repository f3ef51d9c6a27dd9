"""Validated batches as they pass through this process: decoded once, though several loops read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from summit_core import geo, wire
from summit_core.model import AnyObservation

OBSERVATIONS_KEPT: Final = 30_000
ENDS: Final = 64
READERS: Final = 2
"""Recorder and keeper."""


class Batch(NamedTuple):
    """Observations and, for each, its H3 cell where it has a position. Shared: nobody may change it."""

    observations: Sequence[AnyObservation]
    cells: Sequence[int | None]


def cell_of(observation: AnyObservation) -> int | None:
    """The H3 cell that is stored."""
    lat, lon = observation.lat, observation.lon
    return None if lat is None or lon is None else geo.cell(lat, lon)


class Decoded:
    """Remembers the batches that the validator of this process wrote, by their bytes, until each reader has had them.

    What lags so far behind that the oldest had to make way, or is sent a second time, is decoded again.
    """

    def __init__(self) -> None:
        self._known: dict[_Name, _Known] = {}
        self.held = 0
        """How many observations are remembered."""
        self.waiting = 0
        """How many messages the validator still has before it."""

    def remember(self, data: bytes, batch: Batch) -> None:
        name = _name_of(data)
        if name in self._known:
            return
        self._known[name] = _Known(data, batch)
        self.held += len(batch.observations)
        while self.held > OBSERVATIONS_KEPT:
            self._forget(next(iter(self._known)))

    def read(self, data: bytes) -> Batch:
        """The batch in these bytes; raises :class:`msgspec.DecodeError`."""
        known = self._known.get(_name_of(data))
        if known is None or known.data != data:
            observations = wire.decode_batch(data)
            return Batch(observations, [cell_of(one) for one in observations])
        self.pass_over(data)
        return known.batch

    def pass_over(self, data: bytes) -> None:
        """A reader that had the batch already, or has it now."""
        name = _name_of(data)
        known = self._known.get(name)
        if known is not None and known.data == data:
            known.unread -= 1
            if not known.unread:
                self._forget(name)

    def _forget(self, name: "_Name") -> None:
        self.held -= len(self._known.pop(name).batch.observations)


_Name = tuple[int, bytes, bytes]


def _name_of(data: bytes) -> _Name:
    """Tells nearly all batches apart; to hash all of each would take longer than to compare it with the one found."""
    return len(data), data[:ENDS], data[-ENDS:]


@dataclass(slots=True)
class _Known:
    data: bytes
    batch: Batch
    unread: int = READERS
