"""A world for the tests of the stream, and a well-behaved client: what it makes of the frames that it gets."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Raw
from summit_core.bus import Change
from summit_core.clock import ManualClock
from summit_core.model import WorldEvent
from summit_gateway.stream import positions
from summit_gateway.stream.client import Client
from summit_gateway.stream.filter import from_json
from summit_gateway.stream.hub import Hub
from summit_gateway.stream.projection import Fields
from summit_gateway.stream.version import MOVING
from summit_gateway.stream.view import View

START = datetime(2026, 7, 1, tzinfo=UTC)
STEP_S = 0.7
Body = dict[str, Any]
Key = tuple[Any, str]


def change(seq: int, key: Key, body: Body | None, *, at_s: float | None = None) -> Change:
    """None is its end."""
    type_, id_ = key
    event = WorldEvent(
        id="0197c6a0-0000-7000-8000-000000000000",
        type=type_,
        key=id_,
        op="delete" if body is None else "upsert",
        source="test",
        at=START + timedelta(seconds=STEP_S * seq if at_s is None else at_s),
        body=Raw(json.dumps(body).encode()),
    )
    return Change(seq, event)


def entity(id_: str, **said: Any) -> Body:
    times = {name: START.isoformat() for name in ("observed_at", "heard_at", "updated_at")}
    return {"id": id_, "kind": "track", "owner": "fusion", **times, **said}


class Timer:
    """Runs what was put off when told to."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def __call__(self, seconds: float, function: Callable[[], None], /) -> None:
        self._waiting.append(function)

    def fire(self) -> None:
        waiting, self._waiting = self._waiting, []
        for function in waiting:
            function()


def new_hub(timer: Timer | None = None, **sizes: int) -> Hub:
    return Hub(ManualClock(START), later=timer or Timer(), **sizes)


@dataclass(frozen=True)
class Wish:
    """A filter as a client says it, and the same in plain words for the test to judge by."""

    said: str
    means: Callable[[str, str, Body], bool]

    def view(self, fields: Fields | None = None, *, binary: bool = False) -> View:
        return View(from_json(self.said.encode()), fields, binary)


def seen(body: Body, view: View) -> Body:
    """What a client of this view may know of an object: less than all of it in binary, where a position is rounded."""
    shown = body if view.fields is None else {name: body[name] for name in view.fields if name in body}
    if not view.binary:
        return shown
    location, motion = body.get("location"), body.get("kinematics", {})
    known = {name: value for name, value in shown.items() if name not in MOVING or not location}
    if location:
        known["at"] = (round(location["lat"] * 1e7), round(location["lon"] * 1e7), motion.get("speed_mps"))
    return known


@dataclass(eq=False)
class Reader:
    """``position`` is what it would resume from, None when it has to begin anew."""

    wish: Wish
    view: View
    link: Client | None = None
    objects: dict[Key, Body] = field(default_factory=dict)
    handles: dict[int, Key] = field(default_factory=dict)
    position: int | None = None
    resumed: bool = False
    skips: bool = False
    """It was away and is brought to the latest state, so it may be told to let go of what it never had."""

    def apply(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            seq, _, found = positions.read(data)
            assert self.position is None or seq >= self.position
            for one in found:
                self._place(one)
            return
        frame = json.loads(data)
        key = (frame["type"], frame["key"])
        if frame["op"] == "leave":
            gone = self.objects.pop(key, None)
            assert gone is not None or self.skips, "told to let go of what it never had"
            return
        self.objects[key] = frame["body"]
        self.handles = {handle: known for handle, known in self.handles.items() if known != key}
        if "handle" in frame:
            self.handles[frame["handle"]] = key

    def _place(self, one: positions.Position) -> None:
        body = self.objects[self.handles[one.handle]]
        body["location"] = {"lat": one.lat, "lon": one.lon}
        body["kinematics"] = {} if one.speed_mps is None else {"speed_mps": one.speed_mps}

    def picture(self) -> dict[Key, Body]:
        return {key: seen(body, replace(self.view, fields=None)) for key, body in self.objects.items()}
