"""The hub: what the property test cannot say in one sentence (test_stream_property.py holds it to the world)."""

import asyncio
import gc
import json
from collections.abc import AsyncGenerator

import pytest
from stream_model import START, Key, Timer, change, entity, new_hub
from summit_core.clock import ManualClock
from summit_core.errors import GoneError, UnavailableError
from summit_gateway.stream import endpoints, positions
from summit_gateway.stream.client import Client
from summit_gateway.stream.filter import Filter
from summit_gateway.stream.frames import Moves
from summit_gateway.stream.hub import Hub
from summit_gateway.stream.service import moment
from summit_gateway.stream.view import View

A: Key = ("entities", "a")
B: Key = ("entities", "b")
NEAR = View(Filter(bbox=(0.0, 0.0, 1.0, 1.0)))
BINARY = View(binary=True)


def put(hub: Hub, seq: int, key: Key = A, lat: float = 0.5, **said: object) -> None:
    hub.take(change(seq, key, entity(key[1], location={"lat": lat, "lon": 0.5}, **said), at_s=0.0))


def said(hub: Hub, client: Client) -> list[tuple[str, str, int]]:
    frames = [json.loads(frame.data) for frame in client.take(hub.seq).frames]
    return [(frame["op"], frame.get("reason", ""), frame["seq"]) for frame in frames]


def test_a_resume_beyond_what_is_kept_is_gone() -> None:
    hub = new_hub(ring=3)
    for seq in range(1, 11):
        put(hub, seq)
    client = hub.resume(8, View())
    assert [frame.seq for frame in client.take(hub.seq).frames] == [9, 10]
    assert hub.resume(10, View()).take(hub.seq).frames == []
    for since in (0, 6, 11):
        with pytest.raises(GoneError):
            hub.resume(since, View())


def test_what_was_deleted_long_ago_is_not_resumed_over() -> None:
    """After a restart the deletions of old times are no longer in the stream, so an old client starts again."""
    hub = new_hub()
    hub.take(change(10, A, entity("a")), recent=False)
    with pytest.raises(GoneError):
        hub.resume(10, View())
    put(hub, 20, B)
    assert [frame.seq for frame in hub.resume(19, View()).take(hub.seq).frames] == [20]


def test_after_a_restart_only_a_filter_that_an_object_cannot_leave_is_resumed() -> None:
    """The last version of an object does not say whether the one before it was in the box."""
    hub = new_hub()
    hub.take(change(10, A, entity("a", location={"lat": 5.0, "lon": 5.0})), complete=False)
    hub.take(change(11, B, None), complete=False)
    with pytest.raises(GoneError):
        hub.resume(9, NEAR)
    assert said(hub, hub.resume(11, NEAR)) == []
    only_b = View(Filter(types=("entities",), id=("b",)))
    assert said(hub, hub.resume(9, only_b)) == [("leave", "deleted", 11)]


def test_an_entity_that_moved_out_leaves_also_for_who_was_away() -> None:
    hub = new_hub()
    put(hub, 1)
    put(hub, 2, B, lat=5.0)
    there, _, _ = hub.snapshot(NEAR)
    put(hub, 3, B, lat=6.0)
    put(hub, 4, lat=5.0)
    put(hub, 5, lat=6.0)
    assert said(hub, there) == said(hub, hub.resume(2, NEAR)) == [("leave", "filtered", 4)]
    assert said(hub, hub.resume(4, NEAR)) == []


def test_a_slow_reader_gets_the_latest_of_each_object() -> None:
    hub = new_hub(buffer=3)
    client, _, _ = hub.snapshot(View())
    for seq in range(1, 100):
        put(hub, seq, (A, B)[seq % 2])
    hub.take(change(100, A, None))
    taken = client.take(hub.seq)
    assert [frame.seq for frame in taken.frames] == [99]
    assert (taken.skipped, taken.seq) == (99, 100), "a came and went"


def test_a_slow_reader_cannot_hold_many_large_frames() -> None:
    hub = new_hub()
    client, _, _ = hub.snapshot(View())
    for seq in range(1, 60):
        put(hub, seq, note="x" * 200_000)
    taken = client.take(hub.seq)
    assert [frame.seq for frame in taken.frames] == [59]
    assert taken.skipped == 58


def test_clients_of_equal_views_share_the_very_same_frames() -> None:
    hub = new_hub()
    views = [View(Filter(types=("entities",)), ("id",)) for _ in range(3)]
    clients = [hub.snapshot(view)[0] for view in views]
    put(hub, 1)
    frames = [client.take(hub.seq).frames[0] for client in clients]
    assert len(hub._groups) == 1
    assert all(frame is frames[0] for frame in frames)


def test_positions_wait_for_the_tick_unless_it_was_quiet() -> None:
    timer = Timer()
    hub = new_hub(timer)
    put(hub, 1)
    client, _, _ = hub.snapshot(BINARY)
    put(hub, 2, lat=0.6)
    (quiet,) = client.take(hub.seq).frames
    put(hub, 3, lat=0.7)
    put(hub, 4, lat=0.8)
    waiting = client.take(hub.seq)
    assert (waiting.frames, waiting.seq) == ([], 2), "a heartbeat now speaks of 2"
    timer.fire()
    (ticked,) = client.take(hub.seq).frames
    assert isinstance(quiet, Moves)
    assert isinstance(ticked, Moves)
    assert [(quiet.seq, _lats(quiet)), (ticked.seq, _lats(ticked))] == [(2, [0.6]), (4, [0.8])]
    timer.fire()
    put(hub, 5, lat=0.9)
    assert len(client.take(hub.seq).frames) == 1


def _lats(moves: Moves) -> list[float]:
    return [one.lat for one in positions.read(moves.data)[2]]


def test_news_of_an_entity_comes_as_json_with_its_handle() -> None:
    hub = new_hub()
    put(hub, 1)
    client, _, picture = hub.snapshot(BINARY)
    first = json.loads(BINARY.text(picture[0]))
    put(hub, 2, lat=0.6, label="Ridge")
    (news,) = client.take(hub.seq).frames
    assert isinstance(news.data, str)
    frame = json.loads(news.data)
    assert (frame["handle"], frame["body"]["label"]) == (first["handle"], "Ridge")
    assert hub.handles(BINARY) == {"a": first["handle"]}


def test_a_projected_body_that_did_not_change_is_not_repeated() -> None:
    hub = new_hub()
    view = View(fields=("id", "location.lat"))
    client, _, _ = hub.snapshot(view)
    put(hub, 1)
    put(hub, 2, label="new")
    put(hub, 3, lat=0.6)
    bodies = [json.loads(frame.data)["body"] for frame in client.take(hub.seq).frames]
    assert bodies == [{"id": "a", "location": {"lat": 0.5}}, {"id": "a", "location": {"lat": 0.6}}]


def test_a_new_world_ends_every_reader() -> None:
    hub = new_hub()
    client, _, _ = hub.snapshot(View())
    put(hub, 5)
    hub.reset()
    assert isinstance(client.ended, GoneError)
    assert hub.snapshot(View())[1:] == (0, [])


def test_a_dropped_reader_and_its_group_are_forgotten() -> None:
    hub = new_hub(clients=2)
    client, _, _ = hub.snapshot(NEAR)
    other, _, _ = hub.snapshot(View())
    with pytest.raises(UnavailableError):
        hub.snapshot(View())
    del client
    gc.collect()
    put(hub, 1)
    assert (hub.clients, len(hub._groups), len(other.take(hub.seq).frames)) == (1, 1, 1)


async def test_the_picture_of_a_moment_ends_by_itself() -> None:
    inside = change(3, A, entity("a", location={"lat": 0.5, "lon": 0.5}))
    outside = change(4, B, entity("b", location={"lat": 5.0, "lon": 0.5}))
    messages = [message async for message in moment([inside, outside], 9, NEAR, ManualClock(START))]
    frames = [json.loads(data) for data, _ in messages]
    assert [(frame["op"], frame["seq"]) for frame in frames] == [("snapshot", 9), ("upsert", 3), ("snapshot-end", 9)]


async def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "SEND_TIMEOUT_S", 0.05)
    sent: list[str] = []

    class Stuck:
        async def send_text(self, data: str) -> None:
            sent.append(data)
            await asyncio.Event().wait()

    async def messages() -> AsyncGenerator[tuple[str | bytes, int | None], None]:
        yield "one", 1
        yield "two", 2

    with pytest.raises(TimeoutError):
        await endpoints._send_all(Stuck(), messages())  # type: ignore[arg-type]  # as much of a socket as it takes
    assert sent == ["one"]
