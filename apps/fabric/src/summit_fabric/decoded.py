"""Validated batches as they pass through this process: decoded once, though several loops read them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from summit_core import geo, wire
from summit_core.model import AnyObservation

OBSERVATIONS_KEPT: Final = 20_000
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
        self._batches: dict[bytes, Batch] = {}
        self._unread: dict[bytes, int] = {}
        self._held = 0
        self.waiting = 0
        """How many messages the validator still has before it."""

    def remember(self, data: bytes, batch: Batch) -> None:
        if data in self._batches:
            return
        self._batches[data], self._unread[data] = batch, READERS
        self._held += len(batch.observations)
        while self._held > OBSERVATIONS_KEPT:
            self._forget(next(iter(self._batches)))

    def read(self, data: bytes) -> Batch:
        """The batch in these bytes; raises :class:`msgspec.DecodeError`."""
        known = self._batches.get(data)
        if known is None:
            observations = wire.decode_batch(data)
            return Batch(observations, [cell_of(one) for one in observations])
        self.pass_over(data)
        return known

    def pass_over(self, data: bytes) -> None:
        """A reader that had the batch already, or has it now."""
        if data in self._unread:
            self._unread[data] -= 1
            if not self._unread[data]:
                self._forget(data)

    def _forget(self, data: bytes) -> None:
        del self._unread[data]
        self._held -= len(self._batches.pop(data).observations)
