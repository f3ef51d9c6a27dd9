"""From the validator to the keeper within the process: what is stored need not come back from the broker first.

Between a device and the console lie three streams; this saves the way out of the second one. The broker stays the
truth: a batch is passed on only once it is stored, and only in the order of the stream. What was not passed on (after
a restart, or when much is underway) the keeper gets from its durable, which also gets what was passed on, later and
many at once, and acknowledges it when it is written.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from summit_core.bus import Delivery

from summit_fabric.decoded import Batch, Decoded
from summit_fabric.held import Held

MESSAGES_UNDERWAY: Final = 512
"""So many that were passed on and not delivered yet; the stream holds more than a process should."""


class Taker(Protocol):
    """:class:`~summit_fabric.keeper.Keeper`."""

    def take(self, batches: Iterable[Batch], *, waiting: int) -> dict[str, Held]: ...

    async def show(self, touched: dict[str, Held]) -> None: ...

    async def observations(self, deliveries: list[Delivery]) -> None: ...


class Relay:
    """Each message of the stream reaches the keeper once, in order, by whichever way is first."""

    def __init__(self, keeper: Taker, decoded: Decoded) -> None:
        self._keeper, self._decoded = keeper, decoded
        self._last: int | None = None
        """The sequence up to which the keeper has everything; None until its durable has told."""
        self._underway: dict[int, asyncio.Task[None]] = {}

    def pass_on(self, sequences: Sequence[int], batches: Sequence[Batch]) -> None:
        """What has just been stored under these sequences."""
        if not batches or self._last is None or len(self._underway) >= MESSAGES_UNDERWAY:
            return
        if list(sequences) != list(range(self._last + 1, self._last + 1 + len(batches))):
            return  # something lies between, or it was stored before: it comes in order from the durable
        touched = self._keeper.take(batches, waiting=self._decoded.waiting)
        task = asyncio.create_task(self._keeper.show(touched))
        self._underway |= dict.fromkeys(sequences, task)
        self._last = sequences[-1]

    async def deliveries(self, deliveries: list[Delivery]) -> None:
        """Of the durable. Returns when all of it is written; raises what the writing raised."""
        new, passed_on = [], set()
        for delivery in deliveries:
            task = self._underway.pop(delivery.seq, None)
            if task is None:
                new.append(delivery)
            else:
                passed_on.add(task)
                self._decoded.pass_over(delivery.data)
        if new and new[-1] is deliveries[-1]:
            self._last = new[-1].seq
        if new:
            await self._keeper.observations(new)
        for task in passed_on:
            await asyncio.shield(task)

    async def close(self) -> None:
        """What is not written is not acknowledged either."""
        for task in set(self._underway.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
