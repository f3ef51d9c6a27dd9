"""The hub against any interleaving of writes, connects, slow reads, link breaks and resumes."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from summit_core.errors import GoneError
from summit_gateway.stream.frames import Frame
from summit_gateway.stream.hub import Client, Hub

KEYS = [("entities", "a"), ("entities", "b"), ("alerts", "a"), ("tasks", "c")]


def frame(seq: int, key: Any, *, leave: bool = False) -> Frame:
    return Frame(seq, key, leave, f"{'leave' if leave else 'upsert'} {seq}")


@dataclass(eq=False)
class Reader:
    """A well-behaved client: what it holds, and the sequence that it would resume from."""

    types: frozenset[str] | None
    link: Client | None = None
    objects: dict[Any, int] = field(default_factory=dict)
    position: int = 0
    seen: int = 0

    def apply(self, one: Frame) -> None:
        assert one.seq > self.seen, "a change came twice or out of order"
        self.position = self.seen = one.seq
        if one.leave:
            self.objects.pop(one.key, None)
        else:
            self.objects[one.key] = one.seq


class HubMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(ring=6, buffer=3)
        self.world: dict[Any, int] = {}
        self.seq = 0

    readers = Bundle("readers")

    def expected(self, reader: Reader) -> dict[Any, int]:
        return {key: seq for key, seq in self.world.items() if reader.types is None or key[0] in reader.types}

    @rule(key=st.sampled_from(KEYS), leave=st.booleans(), gap=st.integers(1, 3))
    def write(self, key: Any, leave: bool, gap: int) -> None:
        self.seq += gap
        self.hub.take(frame(self.seq, key, leave=leave))
        if leave:
            self.world.pop(key, None)
        else:
            self.world[key] = self.seq

    @rule(target=readers, types=st.sampled_from([None, ["entities"], ["alerts", "tasks"]]))
    def connect(self, types: Any) -> Reader:
        reader = Reader(frozenset(types) if types else None)
        reader.link, seq, picture = self.hub.snapshot(types)
        reader.objects = {one.key: one.seq for one in picture}
        reader.position = reader.seen = seq
        assert reader.objects == self.expected(reader)
        return reader

    @rule(reader=readers)
    def read_all(self, reader: Reader) -> None:
        if reader.link is not None:
            taken = reader.link.take()
            for one in taken.frames:
                reader.apply(one)
            assert taken.skipped >= 0
            reader.position = taken.seq
            assert reader.objects == self.expected(reader)

    @rule(reader=readers, received=st.integers(0, 4))
    def link_breaks_while_reading(self, reader: Reader, received: int) -> None:
        if reader.link is not None:
            for one in reader.link.take().frames[:received]:
                reader.apply(one)
            self.hub.disconnect(reader.link)
            reader.link = None

    @rule(reader=consumes(readers), target=readers)
    def resume(self, reader: Reader) -> Reader:
        if reader.link is not None:
            return reader
        try:
            reader.link = self.hub.resume(reader.position, reader.types)  # type: ignore[arg-type]  # sampled names
        except GoneError:
            assert self.hub.floor is None or reader.position < self.hub.floor
            return self.connect(sorted(reader.types) if reader.types else None)
        return reader

    @invariant()
    def bounded(self) -> None:
        assert len(self.hub._ring) <= 6
        for client in self.hub._clients:
            assert len(client._queue) <= 3
            assert len(client._latest or ()) <= len(KEYS)


TestHub = HubMachine.TestCase
TestHub.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_a_resume_beyond_what_is_kept_is_gone() -> None:
    hub = Hub(ring=3)
    for seq in range(1, 11):
        hub.take(frame(seq, KEYS[0]))
    assert [one.seq for one in hub.resume(8).take().frames] == [9, 10]
    assert hub.resume(10).take().frames == []
    for since in (0, 6, 11):
        with pytest.raises(GoneError):
            hub.resume(since)


def test_what_was_deleted_long_ago_is_not_resumed_over() -> None:
    """After a restart the deletions of old times are no longer in the stream, so an old client starts again."""
    hub = Hub()
    hub.take(frame(10, KEYS[0]), recent=False)
    with pytest.raises(GoneError):
        hub.resume(10)
    hub.take(frame(20, KEYS[1]))
    assert [one.seq for one in hub.resume(19).take().frames] == [20]


def test_a_slow_reader_gets_the_latest_of_each_object() -> None:
    hub = Hub(buffer=3)
    client, _, _ = hub.snapshot()
    for seq in range(1, 101):
        hub.take(frame(seq, KEYS[seq % 2], leave=seq == 100))
    taken = client.take()
    assert [(one.seq, one.leave) for one in taken.frames] == [(99, False), (100, True)]
    assert (taken.skipped, taken.seq) == (98, 100)


def test_a_new_world_ends_every_reader() -> None:
    hub = Hub()
    client, _, _ = hub.snapshot()
    hub.take(frame(5, KEYS[0]))
    hub.reset()
    assert isinstance(client.ended, GoneError)
    assert hub.snapshot()[1:] == (0, [])


def test_a_dropped_reader_is_forgotten() -> None:
    hub = Hub()
    client, _, _ = hub.snapshot()
    assert hub.clients == 1
    del client
    assert hub.clients == 0
