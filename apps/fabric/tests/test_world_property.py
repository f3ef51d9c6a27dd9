"""Any interleaving of automatics, operators, crashes and restarts: what people say holds, and nothing goes back."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar, cast

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from summit_core import wire
from summit_core.bus import Bus, Change, Mirror, Picture
from summit_core.errors import SummitError, UnavailableError
from summit_core.ids import new_id
from summit_core.model import Alias, Entity, Location, Override, Principal, Role, WorldEvent
from summit_core.observability.health import HealthMonitor
from summit_fabric.condition import Condition
from summit_fabric.world.service import WorldService
from summit_fabric.world.store import WorldStore
from summit_fabric.world.worker import Upkeep

T = TypeVar("T")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEYS = ("a", "b", "c")
keys = st.sampled_from(KEYS)
ADA = Principal(id="ada", name="Ada", role=Role.OPERATOR)
ANY = Condition(None)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "label": st.sampled_from(["", "one", "two"]),
    "class": st.sampled_from(["uav", "heli"]),
    "location": st.builds(lambda lat: {"lat": lat, "lon": 2.0}, st.sampled_from([1.0, 5.5])),
    "aliases": st.sampled_from([[], [{"scheme": "cad", "value": "7"}]]),
}


class Still:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Log:
    """The world stream: every event, in order. ``dies_at``: the writer dies at its so many-th next write, which is
    stored or not."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.dies_after: int | None = None
        self.stored_at_death = False

    async def put(self, type_: Any, key: str, body: Any, *, at: datetime, **more: Any) -> Change:
        raw = msgspec.Raw(wire.encode(body))
        return self.write(type_, key, "upsert", at, raw, more.get("causes", ()), expected=more.get("expected"))

    async def leave(
        self,
        type_: Any,
        key: str,
        *,
        at: datetime,
        reason: Any = "deleted",
        expected: Any = None,
        organisation: str | None = None,
    ) -> Change:
        assert organisation is None
        return self.write(type_, key, "delete", at, msgspec.Raw(b"null"), (), reason=reason, expected=expected)

    def write(
        self,
        type_: Any,
        key: str,
        op: Any,
        at: datetime,
        body: msgspec.Raw,
        causes: Any,
        *,
        reason: Any = None,
        expected: int | None = None,
    ) -> Change:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0 and not self.stored_at_death:
                raise UnavailableError("died before the write")
        last = max((c.seq for c in self.changes if (c.event.type, c.event.key) == (type_, key)), default=0)
        assert expected in (None, last), "one writer, so nobody can be faster"
        event = WorldEvent(
            id=new_id(), type=type_, key=key, op=op, source="t", at=at, causes=causes, body=body, reason=reason
        )
        change = Change(len(self.changes) + 1, event)
        self.changes.append(change)
        if self.dies_after is not None and self.dies_after < 0:
            raise UnavailableError("died after the write")
        return change

    def last_per_subject(self) -> list[Change]:
        latest = {(change.event.type, change.event.key): change for change in self.changes}
        return sorted(latest.values(), key=lambda change: change.seq)


class WorldMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock, self.log = Still(), Log()
        self.number = 0
        self.automatic: dict[str, Entity] = {}
        self.said: dict[str, dict[str, Any]] = {}
        self.into: dict[str, str] = {}
        self.follower = Picture()
        """A reader that sees every change and never restarts."""
        self.followed = 0
        self.told: list[Change] = []
        self.follower.listen(self.told.append)
        self.versions: dict[str, int] = {}
        self.start()
        for key in KEYS:
            self.report(key, "x", 3.0, True)

    # what happens

    @rule()
    def start(self) -> None:
        """Fabric starts anew, from the last message of each subject."""
        self.log.dies_after = None
        self.mirror = Mirror(cast(Bus, None), HealthMonitor())
        for change in self.log.last_per_subject():
            self.mirror.apply(change)
        self.mirror.ready.set()
        self.service = WorldService(WorldStore(self.mirror, self.log), self.clock)
        self.upkeep = Upkeep(self.service, self.clock)
        self.run(self.upkeep.look())

    @rule(key=keys, label=st.sampled_from(["x", "y"]), lat=st.sampled_from([None, 3.0, 4.0]), alias=st.booleans())
    def report(self, key: str, label: str, lat: float | None, alias: bool) -> None:
        """An automatic writes, as it always does: all of it, whatever people have said."""
        self.number += 1
        self.clock.at += timedelta(seconds=1)
        now = self.clock.at
        entity = Entity(
            id=key,
            kind="asset",
            owner="fabric",
            observed_at=now,
            heard_at=now,
            updated_at=now,
            label=label,
            location=None if lat is None else Location(lat=lat, lon=9.0),
            aliases=(Alias(scheme="icao", value=key),) if alias else (),
            sources=(f"src-{key}",),
            updates=self.number,
        )
        self.mirror.apply(self.run(self.log.put("entities", key, entity, at=now)))
        self.automatic[key] = entity

    @precondition(lambda self: len(self.automatic) == len(KEYS))
    @rule(key=keys)
    def vanish(self, key: str) -> None:
        """The owner lets go."""
        del self.automatic[key]
        self.mirror.apply(self.run(self.log.leave("entities", key, at=self.clock.at)))

    @rule(key=keys, patch=st.fixed_dictionaries({}, optional=VALUES).filter(bool))
    def override(self, key: str, patch: dict[str, Any]) -> None:
        possible = key in self.automatic and key not in self.into
        if self.attempt(self.service.change(key, {**patch, "reason": "seen"}, ANY, ADA), possible):
            self.said.setdefault(key, {}).update(patch)

    @rule(key=keys, name=st.sampled_from(sorted(VALUES)), by_null=st.booleans())
    def take_back(self, key: str, name: str, by_null: bool) -> None:
        possible = key in self.automatic and key not in self.into
        if by_null:
            done = self.attempt(self.service.change(key, {name: None}, ANY, ADA), possible)
        else:
            said = name in self.said.get(key, {})
            done = self.attempt(self.service.take_back(key, name, "", ANY, ADA), possible and said)
        if done:
            self.said.get(key, {}).pop(name, None)

    @rule(key=keys, into=keys)
    def merge(self, key: str, into: str) -> None:
        there = key in self.automatic and key not in self.into and into in self.automatic
        possible = there and self.end_of(into) != key
        if self.attempt(self.service.merge(key, into, "same", None, ADA), possible):
            self.into[key] = into

    @rule(key=keys)
    def split(self, key: str) -> None:
        if self.attempt(self.service.split(key, "", None, ADA), key in self.into):
            del self.into[key]

    @precondition(lambda self: self.log.dies_after is None)
    @rule(after=st.integers(0, 2), kept=st.booleans(), key=keys, into=keys, split=st.booleans())
    def die_in_the_middle(self, after: int, kept: bool, key: str, into: str, split: bool) -> None:
        """A merge or split that is cut off at any write; what was stored of it counts, and the restart completes it."""
        self.log.dies_after, self.log.stored_at_death = after, kept
        change = self.service.split(key, "", None, ADA) if split else self.service.merge(key, into, "same", None, ADA)
        with suppress(SummitError):
            self.run(change)
        self.log.dies_after = None
        stored = Picture()
        for one in self.log.changes:
            stored.apply(one)
        said = stored.override(key)
        self.into.pop(key, None)
        if said is not None and said.merge is not None:
            self.into[key] = said.merge.into
        self.start()

    @rule()
    def compact(self) -> None:
        """Every subject's last message is written again, word for word, under a new sequence."""
        for change in self.log.last_per_subject():
            self.log.changes.append(Change(len(self.log.changes) + 1, change.event))
            self.mirror.apply(self.log.changes[-1])

    # what holds

    @invariant()
    def holds(self) -> None:
        self.run(self.upkeep.look())
        self.after_upkeep()
        for change in self.log.changes[self.followed :]:
            self.follower.apply(change)
        self.followed = len(self.log.changes)
        fresh = Picture()
        for change in self.log.last_per_subject():
            fresh.apply(change)
        for picture in (self.mirror, self.follower, fresh):
            assert self.shown_by(picture) == self.expected()
            assert {key: change.seq for key, change in picture.changes("entities").items()} == {
                key: change.seq for key, change in self.follower.changes("entities").items()
            }
        assert {entity.id: entity for entity in self.follower.owned_by("fabric")} == self.automatic
        self.nothing_goes_back()

    def nothing_goes_back(self) -> None:
        sequence = [change.seq for change in self.told]
        assert all(before < after for before, after in pairwise(sequence)), "one event, one change"
        for key, change in self.follower.changes("entities").items():
            assert change.seq >= self.versions.get(key, 0)
            self.versions[key] = change.seq

    def after_upkeep(self) -> None:
        """Merges into what has left have ended, or go on to where that one was merged."""
        for key in KEYS:
            while key in self.into and self.into[key] not in self.automatic:
                beyond = self.into.get(self.into[key])
                if beyond is None:
                    del self.into[key]
                else:
                    self.into[key] = beyond
        overrides = {change.event.key for change in self.mirror.changes("overrides").values()}
        for key in KEYS:
            if key not in overrides:
                self.said.pop(key, None)

    def expected(self) -> dict[str, dict[str, Any]]:
        """The picture as the rules say it."""
        found = {}
        for key, entity in self.automatic.items():
            if key in self.into:
                continue
            absorbed = sorted(other for other in self.into if self.end_of(other) == key)
            stated = msgspec.json.decode(wire.encode(entity))
            found[key] = {
                "merged": absorbed,
                **{name: self.said.get(key, {}).get(name, stated.get(name)) for name in VALUES if name != "aliases"},
                "updates": entity.updates,
            }
        return found

    def shown_by(self, picture: Picture) -> dict[str, dict[str, Any]]:
        found = {}
        for key, change in picture.changes("entities").items():
            stated = msgspec.json.decode(change.event.body)
            said = self.said.get(key, {})
            own = msgspec.json.decode(wire.encode(self.automatic[key]))
            assert stated.get("overridden", {}).keys() == said.keys()
            for name, one in stated.get("overridden", {}).items():
                assert (one["by"], one.get("automatic")) == ("Ada", own.get(name))
            names = {alias["value"] for alias in stated.get("aliases", [])}
            assert names >= {alias["value"] for alias in said.get("aliases", own.get("aliases", []))}
            assert set(stated["sources"]) >= {f"src-{other}" for other in (key, *stated.get("merged", []))}
            if not said and not stated.get("merged"):
                assert stated == own, "without a word of people it is the automatic's, exactly"
            found[key] = {
                "merged": stated.get("merged", []),
                **{name: stated.get(name) for name in VALUES if name != "aliases"},
                "updates": stated["updates"],
            }
        return found

    # tools

    def end_of(self, key: str) -> str:
        while key in self.into:
            key = self.into[key]
        return key

    def attempt(self, change: Awaitable[Any], possible: bool) -> bool:
        try:
            self.run(change)
        except SummitError:
            assert not possible
            return False
        assert possible
        return True

    def run(self, one: Awaitable[T]) -> T:
        async def wait() -> T:
            return await one

        return asyncio.run(wait())


TestWorld = WorldMachine.TestCase
TestWorld.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_the_override_of_nothing_shows_nothing() -> None:
    picture = Picture()
    seen: list[Change] = []
    picture.listen(seen.append)
    body = msgspec.Raw(wire.encode(Override(id="ghost", updated_at=NOW)))
    picture.apply(
        Change(1, WorldEvent(id=new_id(), type="overrides", key="ghost", op="upsert", source="t", at=NOW, body=body))
    )
    assert (seen, picture.changes("entities")) == ([], {})
