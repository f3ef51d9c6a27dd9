"""The picture: what operators said lies over what owners wrote, whatever came first, and also after a restart."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from summit_core import wire
from summit_core.bus import Bus, Change, Mirror, Picture
from summit_core.bus.effective import effective, survivor
from summit_core.ids import new_id
from summit_core.model import Alias, Entity, Merge, OverriddenField, Override, Task, WorldEvent
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import running

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MERGE = Merge(into="z", by="Ada", at=NOW, aliases=(Alias(scheme="icao", value="1"),), sources=("s",))


def entity(key: str = "a", label: str = "") -> Entity:
    return Entity(id=key, kind="track", owner="fusion", observed_at=NOW, heard_at=NOW, updated_at=NOW, label=label)


def labelled(key: str, label: str) -> Override:
    return Override(id=key, updated_at=NOW, fields={"label": OverriddenField(value=label, by="Ada", at=NOW)})


def change(seq: int, body: Any, key: str = "a", type_: Any = "entities") -> Change:
    """``None`` is a leave."""
    if isinstance(body, Override):
        type_ = "overrides"
    raw = Raw(b"null" if body is None else wire.encode(body))
    op: Any = "delete" if body is None else "upsert"
    return Change(seq, WorldEvent(id=new_id(), type=type_, key=key, op=op, source="t", at=NOW, body=raw))


def test_without_a_word_of_people_not_a_byte_changes() -> None:
    written = change(1, entity())
    assert effective(written, None) is written
    empty = effective(written, change(5, Override(id="a", updated_at=NOW)))
    assert (empty.seq, bytes(empty.event.body)) == (5, bytes(written.event.body))


def test_what_lies_over_it_says_who_and_keeps_what_the_automatic_says() -> None:
    said = Override(
        id="a",
        updated_at=NOW,
        fields={"class": OverriddenField(value="uav", by="Ada", at=NOW, reason="seen")},
        absorbed={"b": MERGE},
    )
    override = change(3, said)
    shown = effective(change(7, entity(label="x")), override)
    stated = msgspec.json.decode(shown.event.body, type=Entity)
    assert (shown.seq, stated.class_, stated.label, stated.merged) == (7, "uav", "x", ("b",))
    assert (stated.overridden["class"].by, stated.overridden["class"].automatic) == ("Ada", None)
    assert (stated.aliases, stated.sources) == (MERGE.aliases, ("s",))
    assert override.event.id in shown.event.causes
    hidden = effective(change(7, entity()), change(9, Override(id="a", updated_at=NOW, merge=MERGE)))
    assert (hidden.seq, hidden.event.op, hidden.event.reason) == (9, "delete", "merged")


def test_chains_of_merges_end_also_when_they_run_in_a_circle() -> None:
    into = {"a": "b", "b": "c", "x": "y", "y": "x"}

    def merge_of(key: str) -> Merge | None:
        return Merge(into=into[key], by="Ada", at=NOW) if key in into else None

    assert [survivor(key, merge_of) for key in ("a", "b", "c", "x")] == ["c", "c", "c", "y"]


def test_an_owner_reads_its_own_words_and_what_it_took_out_does_not_come_back() -> None:
    picture = Picture()
    for one in (change(1, entity(label="mine")), change(2, labelled("a", "theirs"))):
        picture.apply(one)
    assert [one.label for one in picture.owned_by("fusion")] == ["mine"]
    assert [one.label for one in picture.all("entities", Entity)] == ["theirs"]
    picture.apply(change(9, None))  # an owner's own leave, read at once
    picture.apply(change(8, entity(label="late")))  # what it wrote before comes later by the stream
    assert picture.changes("entities") == {}
    picture.settle(9)
    picture.apply(change(10, entity(label="again")))
    assert [one.label for one in picture.all("entities", Entity)] == ["theirs"]


async def test_what_nobody_can_read_is_passed_over(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    health = HealthMonitor()
    mirror = Mirror(bus, health)
    changes = [
        change(1, entity(label="x")),
        change(2, {"id": "a", "fields": 7}, type_="overrides"),
        change(3, ["no", "object"], key="b"),
        change(4, labelled("b", "y"), key="b"),
        change(5, {"id": "t", "state": "no state"}, key="t", type_="tasks"),
    ]
    for one in changes:
        await bus.publish(f"world.{one.event.type}.{one.event.key}", wire.encode(one.event))
    async with running({"mirror": mirror.run}, health):
        await mirror.ready.wait()
    assert (mirror.seq, mirror.all("tasks", Task)) == (5, [])
    assert "t" in mirror.changes("tasks"), "as it was written it is shown all the same"
    found = mirror.get("entities", "a", Entity)
    assert found is not None
    assert (found[0].label, mirror.changes("entities")["b"].seq) == ("x", 4)
    await bus.close()


EVENTS = st.one_of(
    st.sampled_from(["one", "two"]).map(lambda label: entity(label=label)),
    st.just((None, "entities")),
    st.sampled_from(["mine", "yours"]).map(lambda label: labelled("a", label)),
    st.just(Override(id="a", updated_at=NOW, merge=MERGE)),
    st.just(Override(id="a", updated_at=NOW)),
    st.just((None, "overrides")),
)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), EVENTS), max_size=12), st.data())
def test_a_client_that_resumes_at_a_fresh_picture_sees_the_same(steps: list[Any], data: st.DataObject) -> None:
    """It has seen everything up to some sequence; a gateway that has started since then tells it all the rest."""
    log = []
    for seq, (key, body) in enumerate(steps, start=1):
        body, type_ = body if isinstance(body, tuple) else (body, "entities")
        log.append(change(seq, body, key, type_))
    seen = data.draw(st.integers(0, len(log)))
    client: dict[str, bytes] = {}

    def take(one: Change) -> None:
        if one.event.op == "delete":
            client.pop(one.event.key, None)
        else:
            client[one.event.key] = bytes(one.event.body)

    before = Picture()
    before.listen(take)
    for one in log[:seen]:
        before.apply(one)
    fresh, told = Picture(), list[int]()
    fresh.listen(lambda one: take(one) if one.seq > seen else None)
    fresh.listen(lambda one: told.append(one.seq))
    for one in sorted({(one.event.type, one.event.key): one for one in log}.values(), key=lambda one: one.seq):
        fresh.apply(one)
    for one in log[seen:]:
        before.apply(one)
    assert client == {key: bytes(one.event.body) for key, one in fresh.changes("entities").items()}
    assert client.keys() == before.changes("entities").keys()
    assert told == sorted(set(told))


@pytest.mark.parametrize("types", [("entities",), ("entities", "overrides"), ("tasks",)])
def test_who_follows_entities_follows_what_is_said_of_them(types: Any) -> None:
    assert ("overrides" in Picture(types).types) == ("entities" in types)


@given(st.lists(st.tuples(st.sampled_from("abc"), EVENTS, st.sampled_from(["", "keys", "forget"])), max_size=20))
def test_keys_stay_sorted_and_nothing_changes_without_a_version(steps: list[Any]) -> None:
    picture = Picture()
    for seq, (key, body, then) in enumerate(steps, start=1):
        before = {type_: (picture.version(type_), dict(picture.changes(type_))) for type_ in picture.types}
        body, type_ = body if isinstance(body, tuple) else (body, "entities")
        picture.apply(change(seq, body, key, type_))
        if then == "forget":
            picture.forget()
        for type_, (version, known) in before.items():
            assert picture.changes(type_) == known or picture.version(type_) != version
            if then == "keys" or picture._sorted:
                assert picture.keys(type_) == sorted(picture.changes(type_))
