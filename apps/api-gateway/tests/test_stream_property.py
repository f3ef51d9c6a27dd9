"""The stream against any interleaving of writes, moves, deletions, new filters, slow reads, broken links and resumes.

At every snapshot-end, answer to a filter and heartbeat a client has exactly what its filter lets through of the world
at that sequence.
"""

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stream_model import Body, Key, Reader, Timer, Wish, change, entity, new_hub, seen
from summit_core.errors import GoneError, InputError
from summit_gateway.stream.filter import from_json

RING, BUFFER = 12, 4
PLACES = [(0.5, 0.5), (0.5, 5.0), (0.5, 179.5), (0.5, -179.5), (40.0, 0.5), None]
CELL = "82754ffffffffff"
WISHES = [
    Wish("{}", lambda type_, id_, body: True),
    Wish('{"types":["entities"]}', lambda type_, id_, body: type_ == "entities"),
    Wish(
        '{"types":["alerts","tasks"],"id":["a"]}', lambda type_, id_, body: type_ in ("alerts", "tasks") and id_ == "a"
    ),
    Wish(
        '{"kind":["track"],"source":["s1"]}', lambda type_, id_, body: type_ != "entities" or _of(body, "track", "s1")
    ),
    Wish('{"bbox":[0,0,1,1]}', lambda type_, id_, body: _inside(type_, body, {(0.5, 0.5)})),
    Wish('{"bbox":[179,0,-179,1]}', lambda type_, id_, body: _inside(type_, body, {(0.5, 179.5), (0.5, -179.5)})),
    Wish(
        '{"polygon":[[179,-1],[-179,-1],[-179,2],[179,2]],"types":["entities"]}',
        lambda type_, id_, body: type_ == "entities" and _inside(type_, body, {(0.5, 179.5), (0.5, -179.5)}),
    ),
    Wish(f'{{"h3":["{CELL}"]}}', lambda type_, id_, body: _inside(type_, body, {(0.5, 0.5)})),
    Wish(
        '{"label":["ridge*"]}',
        lambda type_, id_, body: type_ != "entities" or body.get("label", "").startswith("Ridge"),
    ),
    Wish(
        '{"severity_at_least":"severe","bbox":[0,0,10,1]}',
        lambda type_, id_, body: (
            _inside(type_, body, {(0.5, 0.5), (0.5, 5.0)}) and body.get("severity") in (None, "severe", "extreme")
        ),
    ),
]
BAD = [
    '{"bbox":[0,5,1,1]}',
    '{"polygon":[[0,0],[1,1],[0,0]]}',
    '{"h3":["x"]}',
    '{"types":["ghosts"]}',
    '{"colour":["red"]}',
    "[",
    "{",
]
PROJECTIONS = [None, ("id", "label"), ("id", "kinematics", "location")]
KEYS: list[Key] = [("entities", "a"), ("entities", "b"), ("entities", "c"), ("alerts", "a"), ("tasks", "c")]
WHICH = st.integers(0, 3)


def ANY_LINKED(machine: Any) -> bool:
    return any(reader.link is not None for reader in machine.everybody)


def _of(body: Body, kind: str, source: str) -> bool:
    return bool(body["kind"] == kind and source in body.get("sources", []))


def _inside(type_: str, body: Body, places: set[tuple[float, float]]) -> bool:
    location = body.get("location")
    return type_ not in ("entities", "alerts") or (
        location is not None and (location["lat"], location["lon"]) in places
    )


@st.composite
def bodies(draw: st.DrawFn, key: Key) -> Body:
    type_, id_ = key
    place = draw(st.sampled_from(PLACES))
    located = {} if place is None else {"location": {"lat": place[0], "lon": place[1]}}
    if type_ == "alerts":
        return {"id": id_, "severity": draw(st.sampled_from(["minor", "severe", "extreme"]))} | located
    if type_ == "tasks":
        return {"id": id_, "kind": "investigate", "note": draw(st.sampled_from(["", "late"]))}
    motion = draw(st.sampled_from([{}, {"kinematics": {"speed_mps": 3.5}}]))
    label = draw(st.sampled_from(["Ridge 1", "Ridge 1", "Valley"]))
    sources = draw(st.sampled_from([["s1"], ["s1"], ["s2", "s3"]]))
    kind = draw(st.sampled_from(["track", "track", "asset"]))
    return entity(id_, kind=kind, label=label, sources=sources) | located | motion


class StreamMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timer = Timer()
        self.hub = new_hub(self.timer, ring=RING, buffer=BUFFER)
        self.seq = 0
        self.world: dict[Key, tuple[int, Body]] = {}
        self.worlds: dict[int, dict[Key, tuple[int, Body]]] = {0: {}}
        self.stored: dict[Key, tuple[int, Body | None]] = {}
        self.everybody: list[Reader] = []

    def check(self, reader: Reader, seq: int) -> None:
        """The picture of the reader is what it should be at ``seq``."""
        world = self.worlds[max(one for one in self.worlds if one <= seq)]
        mine = {key: body for key, (_, body) in world.items() if reader.wish.means(*key, body)}
        assert reader.picture() == {key: seen(body, reader.view) for key, body in mine.items()}
        reader.position, reader.skips, reader.resumed = seq, False, False

    def _write(self, key: Key, body: Body | None, gap: int = 1) -> None:
        self.seq += gap
        self.hub.take(change(self.seq, key, body))
        self.stored[key] = (self.seq, body)
        self.world.pop(key, None)
        if body is not None:
            self.world[key] = (self.seq, body)
        self.worlds[self.seq] = dict(self.world)

    @rule(data=st.data(), key=st.sampled_from(KEYS), gap=st.integers(1, 3))
    def write(self, data: Any, key: Key, gap: int) -> None:
        self._write(key, data.draw(bodies(key)), gap)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: Key) -> None:
        self._write(key, None)

    @rule(place=st.sampled_from(PLACES[:-1]), times=st.integers(1, 6))
    def move(self, place: Any, times: int) -> None:
        """Everything that is somewhere goes elsewhere, and nothing else of it changes."""
        for time in range(times):
            for key, (_, body) in list(self.world.items()):
                if "location" in body:
                    lat, lon = place if time == times - 1 else (10.0 + time, 10.0)
                    self._write(key, body | {"location": {"lat": lat, "lon": lon}, "updates": self.seq})

    @rule()
    def tick(self) -> None:
        self.timer.fire()

    def linked(self, which: int) -> Reader:
        readers = [reader for reader in self.everybody if reader.link is not None]
        return readers[which % len(readers)]

    @precondition(lambda self: len(self.everybody) < 4)
    @rule(wish=st.sampled_from(WISHES), fields=st.sampled_from(PROJECTIONS), binary=st.booleans())
    def connect(self, wish: Wish, fields: Any, binary: bool) -> None:
        if binary and fields is not None:
            fields = tuple(sorted({*fields, "kinematics", "location"}))
        reader = Reader(wish, wish.view(fields, binary=binary))
        self._snapshot(reader)
        self.everybody.append(reader)

    def _snapshot(self, reader: Reader) -> None:
        reader.objects, reader.handles, reader.position = {}, {}, None
        reader.link, seq, picture = self.hub.snapshot(reader.view)
        for version in picture:
            reader.apply(reader.view.text(version))
        self.check(reader, seq)

    @precondition(ANY_LINKED)
    @rule(which=WHICH)
    def read_until_heartbeat(self, which: int) -> None:
        self._read(self.linked(which))

    def _read(self, reader: Reader) -> None:
        assert reader.link is not None
        taken = reader.link.take(self.hub.seq)
        reader.skips = reader.skips or (reader.resumed and taken.skipped > 0)
        for one in taken.frames:
            assert reader.position is not None
            assert one.seq >= reader.position
            reader.apply(one.data)
            reader.position = one.seq
        self.check(reader, taken.seq)

    @precondition(ANY_LINKED)
    @rule(which=WHICH, received=st.integers(0, 4))
    def link_breaks_while_reading(self, which: int, received: int) -> None:
        reader = self.linked(which)
        assert reader.link is not None
        taken = reader.link.take(self.hub.seq)
        reader.skips = reader.skips or taken.skipped > 0
        for one in taken.frames[:received]:
            reader.apply(one.data)
            reader.position = one.seq
        self._drop(reader)

    @precondition(ANY_LINKED)
    @rule(which=WHICH, wish=st.sampled_from(WISHES), received=st.integers(0, 20))
    def filter_anew(self, which: int, wish: Wish, received: int) -> None:
        """A link that breaks before the answer leaves a picture that nobody can mend: the client begins anew."""
        reader = self.linked(which)
        assert reader.link is not None
        new = self.hub.refilter(reader.link, from_json(wish.said.encode()))
        reader.skips = reader.skips or (reader.resumed and new.before.skipped > 0)
        for one in new.before.frames:
            reader.apply(one.data)
        for count, frame in enumerate(new.frames):
            if count == received:
                self._drop(reader)
                reader.position = None
                return
            reader.apply(frame.data)
        reader.wish, reader.view = wish, reader.link.group.view
        self.check(reader, new.seq)

    @precondition(ANY_LINKED)
    @rule(which=WHICH, bad=st.sampled_from(BAD))
    def bad_filter(self, which: int, bad: str) -> None:
        reader = self.linked(which)
        assert reader.link is not None
        with pytest.raises(InputError) as refused:
            self.hub.refilter(reader.link, from_json(bad.encode()))
        assert refused.value.field
        self._read(reader)

    @precondition(ANY_LINKED)
    @rule(which=WHICH, received=st.integers(0, 4), data=st.data(), keys=st.lists(st.sampled_from(KEYS), max_size=20))
    def out_of_touch(self, which: int, received: int, data: Any, keys: list[Key]) -> None:
        """The link breaks in the middle of a batch, much happens, and the client comes back."""
        reader = self.linked(which)
        self.link_breaks_while_reading(which, received)
        for key in keys:
            self._write(key, data.draw(st.none() | bodies(key)))
        self._resume(reader)
        self._read(reader)

    @precondition(lambda self: any(reader.link is None for reader in self.everybody))
    @rule(then_read=st.booleans())
    def come_back(self, then_read: bool) -> None:
        for reader in self.everybody:
            if reader.link is None:
                self._resume(reader)
                if then_read:
                    self._read(reader)

    def _resume(self, reader: Reader) -> None:
        if reader.position is None:
            self._snapshot(reader)
            return
        try:
            reader.link = self.hub.resume(reader.position, reader.view)
        except GoneError:
            floor = self.hub.floor
            known = floor if floor is None or reader.view.filter.is_lasting else max(floor, self.hub._vague)
            assert known is None or reader.position < known
            self._snapshot(reader)
            return
        reader.skips = reader.skips or reader.position < self.hub._vague
        reader.resumed = True
        handles = self.hub.handles(reader.view)
        reader.handles = {handle: ("entities", key) for key, handle in handles.items()}

    @rule()
    def gateway_restarts(self) -> None:
        """A new process is given the last of each object, deletions included, and nothing of before."""
        self.hub = new_hub(self.timer, ring=RING, buffer=BUFFER)
        for key, (seq, body) in sorted(self.stored.items(), key=lambda item: item[1][0]):
            self.hub.take(change(seq, key, body), complete=False)
        for reader in self.everybody:
            reader.link = None

    def _drop(self, reader: Reader) -> None:
        if reader.link is not None:
            self.hub.disconnect(reader.link)
            reader.link = None

    @invariant()
    def bounded(self) -> None:
        assert len(self.hub._ring) <= RING
        for group in self.hub._groups.values():
            assert len(group._held) <= len(KEYS)
            for client in group.members:
                assert len(client._queue) <= BUFFER
                assert len(client._latest or ()) <= len(KEYS)


TestStream = StreamMachine.TestCase
TestStream.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def test_the_wishes_mean_what_they_say() -> None:
    """The words of the filters above, each against each place and type: no wish is empty, none but the first is all."""
    worlds = [
        (type_, id_, entity(id_, label="Ridge 1", sources=["s1"], severity=severity) | located)
        for type_, id_ in KEYS
        for severity in ("minor", "severe")
        for located in [{"location": {"lat": place[0], "lon": place[1]}} if place else {} for place in PLACES]
    ]
    for wish in WISHES:
        matched = [wish.means(*one) for one in worlds]
        assert any(matched), wish.said
        assert all(matched) == (json.loads(wish.said) in ({}, {"label": ["ridge*"]}, json.loads(WISHES[3].said)))
