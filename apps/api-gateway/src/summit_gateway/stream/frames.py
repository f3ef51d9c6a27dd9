"""Frames of ``/v1/stream``. A frame is made once, and every client of the same view gets the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from summit_core import wire
from summit_core.errors import SummitError

from summit_gateway.stream import positions
from summit_gateway.stream.version import ObjectKey, Version

if TYPE_CHECKING:
    from summit_gateway.stream.view import View


@dataclass(eq=False)
class Frame:
    """What one change means to a view. ``move``: only the position changed, and it may travel in binary.

    ``was``: the object was in the view before.
    """

    view: "View"
    seq: int
    key: ObjectKey
    op: Literal["upsert", "move", "leave"]
    was: bool
    version: Version | None = None
    reason: str = ""

    @cached_property
    def data(self) -> str:
        """As text, whatever ``op``: a move that cannot go in binary goes as an upsert."""
        if self.version is not None:
            return self.view.text(self.version)
        type_, key = self.key
        return wire.encode({"op": "leave", "type": type_, "key": key, "seq": self.seq, "reason": self.reason}).decode()


@dataclass(eq=False)
class Moves:
    """The latest positions of some entities, in binary. ``seq``: all that happened up to it has been said."""

    seq: int
    frames: Mapping[ObjectKey, Frame]
    time: datetime

    @cached_property
    def data(self) -> bytes:
        records = (frame.version.record or b"" for frame in self.frames.values() if frame.version is not None)
        return positions.frame(records, self.seq, self.time.timestamp() * 1000)


def mark(op: str, seq: int, now: datetime, **more: bool) -> str:
    """``snapshot``, ``snapshot-end`` or ``heartbeat``."""
    return wire.encode({"op": op, "seq": seq, "server_time": now} | more).decode()


def skipped(count: int, seq: int) -> str:
    """Comes after the latest of each changed object, so that resuming from its ``seq`` loses nothing."""
    return wire.encode({"op": "skipped", "count": count, "seq": seq}).decode()


def handles(seq: int, numbers: Mapping[str, int]) -> str:
    """The handle of each entity in view, for a client that goes on without a snapshot."""
    return wire.encode({"op": "handles", "seq": seq, "handles": numbers}).decode()


def filtered(id_: object, seq: int) -> str:
    """The answer to a new filter: from here on the picture is that of it."""
    return wire.encode({"op": "filter", "id": id_, "seq": seq}).decode()


def refused(id_: object, error: SummitError) -> str:
    """The answer to a frame of the client that was not understood; nothing changed."""
    said = {"op": "error", "id": id_, "code": error.code, "field": error.field, "detail": error.detail}
    return wire.encode(said).decode()


def sse(text: str, seq: int | None = None) -> bytes:
    """A server-sent event. Without ``seq`` it is no place to resume from (inside a snapshot)."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}data: {text}\n\n".encode()
