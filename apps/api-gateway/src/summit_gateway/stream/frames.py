"""Frames of ``/v1/stream``. Pure: a change is encoded once, and every client gets the same bytes."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from summit_core import wire
from summit_core.bus import Change
from summit_core.model import WorldType

ObjectKey = tuple[WorldType, str]


@dataclass(frozen=True)
class Frame:
    """One change. ``seq`` is its place in the world stream."""

    seq: int
    key: ObjectKey
    leave: bool
    text: str

    @cached_property
    def event(self) -> bytes:
        """As a server-sent event; its id is what a browser sends back as ``Last-Event-ID``."""
        return sse(self.text, self.seq)


def of(change: Change) -> Frame:
    """The frame of a change; the body goes through as it is."""
    event = change.event
    body: dict[str, object]
    if event.op == "delete":
        reason = event.reason or "deleted"
        body = {"op": "leave", "type": event.type, "key": event.key, "seq": change.seq, "reason": reason}
    else:
        body = {"op": "upsert", "type": event.type, "key": event.key, "seq": change.seq, "body": event.body}
    return Frame(change.seq, (event.type, event.key), event.op == "delete", wire.encode(body).decode())


def mark(op: str, seq: int, now: datetime, **more: bool) -> str:
    """``snapshot``, ``snapshot-end`` or ``heartbeat``."""
    return wire.encode({"op": op, "seq": seq, "server_time": now} | more).decode()


def skipped(count: int, seq: int) -> str:
    """Comes after the latest of each changed object, so that resuming from its ``seq`` loses nothing."""
    return wire.encode({"op": "skipped", "count": count, "seq": seq}).decode()


def sse(text: str, seq: int | None = None) -> bytes:
    """A server-sent event. Without ``seq`` it is no place to resume from (inside a snapshot)."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}data: {text}\n\n".encode()
