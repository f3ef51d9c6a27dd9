"""Observations to published tracks: identity, life cycle, late and repeated reports, what is said and what is not."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from summit_core.geo import LocalFrame, distance_m
from summit_core.ids import derived_id
from summit_core.model import Detection, Entity, Position
from summit_fusion.scene import SceneState
from summit_fusion.tracks import Tracks

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOME = LocalFrame(43.7, 5.3)


def seen(
    t: float, east: float, north: float, *, source: str = "radar", frame: LocalFrame = HOME, **more: Any
) -> Position:
    lat, lon = frame.to_geodetic(east, north)
    at = START + timedelta(seconds=t)
    stated: dict[str, Any] = {"sigma_m": 10.0, "received_at": at} | more
    id_ = derived_id(at, source, f"{east},{north}", str(more.get("identity")), str(more.get("recording")))
    return Position(source=source, id=id_, observed_at=at, lat=lat, lon=lon, **stated)


class World:
    """What everybody sees of the tracks."""

    def __init__(self) -> None:
        self.tracks = Tracks()
        self.shown: dict[str, Entity] = {}
        self.published = 0
        self.now = START

    def hear(self, *positions: Position | Detection, late_s: float = 0.0) -> "World":
        """Each in a message of its own, and published at once."""
        for one in positions:
            self.tracks.observe([one])
            self.tracks.flush()
            self.publish(max(self.now, one.observed_at + timedelta(seconds=late_s)))
        return self

    def rest(self) -> "World":
        """So long that everything new has been said."""
        self.publish(self.now + timedelta(seconds=5.5))
        return self

    def publish(self, now: datetime) -> None:
        self.now = now
        changed = self.tracks.changed(now)
        self.tracks.settle(changed)
        self.published += len(changed)
        self.shown |= {entity.id: entity for entity in changed}
        ended = self.tracks.ended(now)
        self.tracks.left(ended, now)
        for id_ in ended:
            del self.shown[id_]

    def one(self) -> Entity:
        self.rest()
        (entity,) = self.shown.values()
        return entity

    def restarted(self) -> "World":
        fresh = World()
        saved = msgspec.msgpack.encode(self.tracks.state())
        fresh.tracks.restore(msgspec.msgpack.decode(saved, type=list[SceneState]), self.shown.values())
        fresh.shown, fresh.now = dict(self.shown), self.now
        return fresh


def place(entity: Entity) -> tuple[float, float]:
    assert entity.location is not None
    return HOME.to_enu(entity.location.lat, entity.location.lon)


def ids_of(world: World, positions: Iterable[Position]) -> set[str]:
    return {id_ for one in positions for id_ in world.hear(one).shown}


@pytest.mark.parametrize("every_s", [1.0, 2.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("speed", [0.0, 1.5, 15.0, 60.0])
def test_one_device_is_one_track_from_its_first_word(every_s: float, speed: float) -> None:
    random, world = np.random.default_rng(3), World()
    for k in range(30):
        t = k * every_s
        east, north = speed * t + random.normal(0, 5), random.normal(0, 5)
        world.hear(seen(t, east, north, source="tracker", identity="device:gps-7", sigma_m=5.0, label="Crew 7"))
        assert len(world.shown) == 1
    track = world.one()
    assert (track.updates, track.label, track.identities, track.freshness) == (30, "Crew 7", ("device:gps-7",), "live")
    assert track.existence is not None and track.existence > 0.9
    assert place(track) == pytest.approx((speed * 29 * every_s, 0.0), abs=30.0)
    assert track.kinematics is not None and track.kinematics.speed_mps == pytest.approx(speed, abs=5.0)


@pytest.mark.parametrize(("speed", "class_"), [(1.0, "crew"), (30.0, None), (120.0, "aircraft")])
@pytest.mark.parametrize("every_s", [1.0, 4.0])
def test_one_mover_that_a_radar_sees_is_one_track(speed: float, class_: str | None, every_s: float) -> None:
    random, world = np.random.default_rng(4), World()
    for k in range(40):
        t = k * every_s
        world.hear(seen(t, speed * t + random.normal(0, 10), random.normal(0, 10), class_=class_))
        assert len(world.shown) == (1 if k > 2 else len(world.shown))
    track = world.one()
    assert track.updates == 40 and len(track.causes) == 16
    assert track.class_ == class_
    assert place(track) == pytest.approx((speed * 39 * every_s, 0.0), abs=30.0)


def test_a_stray_report_makes_no_track() -> None:
    world = World().hear(*(seen(t, 10.0 * t, 0.0) for t in range(10)))
    world.hear(seen(10, 100.0, 9_000.0))
    assert len(world.shown) == 1


def test_identity_keeps_the_track_through_a_long_gap() -> None:
    world = World().hear(*(seen(t, 200.0 * t, 0, identity="icao:ab12cd") for t in range(10)))
    (first,) = world.shown
    world.publish(START + timedelta(seconds=60))
    assert world.one().freshness in {"stale", "lost"}
    world.publish(START + timedelta(seconds=600))
    assert world.shown == {}
    world.hear(*(seen(700 + t, 18_000 + 200.0 * t, 4_000, identity="icao:ab12cd") for t in range(3)))
    assert (world.one().id, world.one().freshness) == (first, "live")


def test_an_identity_that_jumps_goes_on_under_its_id() -> None:
    world = World()
    before = ids_of(world, [seen(t, 5.0 * t, 0, identity="mmsi:235012345") for t in range(10)])
    world.hear(*(seen(t, 90_000, 0, identity="mmsi:235012345") for t in range(10, 14)))
    assert set(world.shown) == before
    assert place(world.one()) == pytest.approx((90_000, 0), abs=600)


def test_an_identity_that_two_things_tell_at_once_is_called_disputed() -> None:
    """A mistyped transponder, or somebody else's address: neither is hidden, and both say so."""
    world, said = World(), []
    for t in range(12):
        for source, east in (("feed-1", 0.0), ("feed-2", 40_000.0)):
            said.append(seen(t + east * 1e-6, east + 100.0 * t, 0.0, identity="icao:ab12cd", source=source))
    world.hear(*said)
    world.rest()
    assert len(world.shown) == 2
    assert [track.disputed for track in world.shown.values()] == [True, True]
    alone = World().hear(*(one for one in said if one.source == "feed-1")).one()
    assert not alone.disputed


def test_two_identities_side_by_side_stay_two() -> None:
    world = World()
    for t in range(20):
        for name, north in (("icao:aaaaaa", 0.0), ("icao:bbbbbb", 15.0)):
            world.hear(seen(t, 50.0 * t, north, identity=name, source="adsb"))
    world.rest()
    assert sorted(track.identities for track in world.shown.values()) == [("icao:aaaaaa",), ("icao:bbbbbb",)]
    assert {track.updates for track in world.shown.values()} == {20}


def test_radar_and_adsb_of_one_aircraft_are_one_track_that_says_who_saw_it() -> None:
    world = World()
    for t in range(10):
        world.hear(seen(t, 100.0 * t, 0, identity="icao:ab12cd", source="adsb"))
        world.hear(seen(t + 0.4, 100.0 * (t + 0.4), 5, source="radar"))
    track = world.one()
    assert sorted(track.sources) == ["adsb", "radar"]
    given = {one.source: one for one in track.contributions}
    assert given["adsb"].updates == 10 and given["radar"].updates >= 8
    assert all(one.probability > 0.5 and one.observation in track.causes for one in track.contributions)
    assert track.classes.get("aircraft", 0.0) > 0.6


def test_a_device_that_is_silent_is_not_gone_because_others_speak() -> None:
    world = World()
    for t in range(120):
        for name in range(5):
            world.hear(seen(t + 0.1 * name, 3_000.0 * name, 10.0 * t, source="adsb", identity=f"icao:00000{name}"))
        if t % 30 == 0:
            world.hear(seen(t + 0.6, -500.0, 5.0 * t, source="crew", identity="device:slow"))
    slow = next(track for track in world.shown.values() if track.identities == ("device:slow",))
    assert slow.updates == 4 and slow.existence is not None and slow.existence > 0.5


def test_a_radar_that_never_sees_an_aircraft_does_not_speak_against_it() -> None:
    world = World()
    for t in range(120):
        world.hear(seen(t, 2_000.0 + 8.0 * t, -500.0, source="radar"))
        if t % 10 == 0:
            world.hear(seen(t + 0.5, 40.0 * t, 3_000.0, source="adsb", identity="icao:0abcde"))
    assert sorted(track.updates for track in world.shown.values()) == [12, 120]


def test_late_reports_within_the_window_count_and_older_ones_only_speak() -> None:
    world, on_time = World(), World()
    reports = [seen(t, 10.0 * t, 0, identity="icao:ab12cd") for t in range(8)]
    on_time.hear(*reports)
    world.hear(*reports[:5], reports[6], reports[5], reports[7])
    assert world.one().updates == 8
    assert place(world.one()) == pytest.approx(place(on_time.one()), abs=1e-6)
    before = world.one()
    world.hear(seen(1.5, 15.0, 0, identity="icao:ab12cd", label="N431CF"), late_s=6.0)
    assert place(world.one()) == place(before) and world.one().updates == 8


def test_duplicates_of_a_scan_do_not_count_twice() -> None:
    world, positions = World(), [seen(t, 10.0 * t, 0) for t in range(5)]
    world.hear(*positions)
    before = world.one()
    world.hear(*positions[2:])
    assert world.shown == {before.id: before}


def test_recordings_do_not_mix_with_the_live_picture() -> None:
    world = World()
    world.hear(*(seen(t, 0, 0, identity="icao:ab12cd", recording=r) for t in range(3) for r in (None, "drill")))
    world.rest()
    assert sorted((track.recording or "", track.updates) for track in world.shown.values()) == [("", 3), ("drill", 3)]
    assert len({track.id for track in world.shown.values()}) == 2


def test_one_absurd_time_does_not_end_a_recording_and_a_gap_does_not_either() -> None:
    world = World()
    world.hear(*(seen(t, 10.0 * t, 0, recording="drill", identity="icao:ab12cd") for t in range(5)))
    world.hear(seen(90_000, 50, 0, recording="drill", identity="icao:0bad00"))
    world.hear(*(seen(t, 10.0 * t, 0, recording="drill", identity="icao:ab12cd") for t in range(5, 10)))
    assert {t.identities for t in world.rest().shown.values()} == set()  # by our clock that was a day ago
    assert {n.profile.updates for n in world.tracks.scenes["drill"].tracks.values()} == {10}
    world.hear(*(seen(200_000 + t, 0, 0, recording="drill", identity="icao:0abcde") for t in range(5)))
    assert world.one().updates == 4


def test_what_does_not_move_is_written_seldom() -> None:
    world = World()
    world.hear(*(seen(t, 0, 0, identity="device:parked", source="gps") for t in range(60)))
    assert 10 <= world.published <= 25
    assert world.one().updates >= 55


def test_velocity_that_is_reported_is_used() -> None:
    for count, tolerance in ((1, 0.1), (2, 5.0)):
        reports = (seen(k, 80.0 * k, 0, identity="icao:ab12cd", speed_mps=80.0, course_deg=90.0) for k in range(count))
        motion = World().hear(*reports).one().kinematics
        assert motion is not None and motion.velocity_enu_mps == pytest.approx((80.0, 0.0), abs=tolerance)


def test_a_device_with_a_wrong_clock_is_tracked_beside_the_others() -> None:
    world = World()
    for t in range(60):
        world.hear(seen(t, 10.0 * t, 0, source="right", identity="device:right"))
        wrong = seen(t - 3600, 500.0 + 10.0 * t, 900.0, source="wrong", identity="device:wrong")
        world.hear(msgspec.structs.replace(wrong, received_at=START + timedelta(seconds=t + 0.1)), late_s=3600.0)
    by_name = {track.identities[0]: track for track in world.shown.values()}
    assert by_name["device:wrong"].freshness == "live"
    assert place(by_name["device:wrong"]) == pytest.approx((1_090.0, 900.0), abs=40.0)
    assert by_name["device:right"].updates == 60


def test_a_feed_that_is_always_late_is_carried_on_by_its_velocity() -> None:
    random, world = np.random.default_rng(5), World()
    for t in range(90):
        world.hear(seen(t, 10.0 * t, 0, source="gps", identity="device:gps"))
        if t % 6 == 0:
            age = 12.0 + float(random.uniform(0.0, 8.0))
            old = seen(
                t - age, 10.0 * (t - age), 2_000, source="ais", identity="mmsi:7", speed_mps=10.0, course_deg=90.0
            )
            world.hear(msgspec.structs.replace(old, received_at=START + timedelta(seconds=t + 0.2)), late_s=age)
    boat = next(track for track in world.shown.values() if track.identities == ("mmsi:7",))
    assert boat.updates >= 12
    when = (boat.observed_at - START).total_seconds()
    assert place(boat) == pytest.approx((10.0 * when, 2_000), abs=60.0)


def test_people_and_drones_that_cameras_detect_become_tracks_with_their_class() -> None:
    world = World()
    for t in range(6):
        lat, lon = HOME.to_geodetic(2.0 * t, 0.0)
        at = START + timedelta(seconds=2 * t)
        world.hear(
            Detection(
                source="drone-1", id=derived_id(at, "d"), observed_at=at, received_at=at, lat=lat, lon=lon, sigma_m=8.0,
                class_="person", confidence=0.8,
            )
        )  # fmt: skip
    track = world.one()
    assert track.class_ == "person" and max(track.classes, key=lambda name: track.classes[name]) == "pedestrian"


def test_operators_merge_and_split() -> None:
    world = World()

    def both(start: int, end: int) -> None:
        for t in range(start, end):
            world.hear(seen(t, 10.0 * t, 0, source="a", identity="device:a", sigma_m=5.0))
            world.hear(seen(t + 0.5, 10.0 * t + 5, 60, source="b", identity="device:b", sigma_m=5.0))

    both(0, 10)
    a = next(track.id for track in world.shown.values() if track.identities == ("device:a",))
    b = next(track.id for track in world.shown.values() if track.identities == ("device:b",))
    assert world.tracks.merge(a, b) and world.tracks.merged() == {a: b}
    before = world.shown[a]
    both(10, 25)
    assert world.shown[a] == before, "what is merged is not written any more"
    assert world.shown[b].updates >= 35 and set(world.shown[b].identities) == {"device:a", "device:b"}
    assert set(world.shown) == {a, b}
    world = world.restarted()
    assert world.tracks.merged() == {a: b}
    assert world.tracks.split(a) and world.tracks.merged() == {}
    both(25, 45)
    assert set(world.shown) == {a, b}
    assert world.shown[a].identities == ("device:a",) and world.shown[b].identities == ("device:b",)
    assert place(world.shown[a])[1] == pytest.approx(0, abs=12) and place(world.shown[b])[1] == pytest.approx(
        60, abs=12
    )


def test_what_an_operator_holds_stays() -> None:
    world = World().hear(*(seen(t, 0, 0, identity="device:a") for t in range(5)))
    world.tracks.pin({world.one().id})
    world.publish(START + timedelta(hours=1))
    assert world.one().freshness == "lost"
    world.tracks.pin(set())
    world.publish(START + timedelta(hours=1))
    assert world.shown == {}


def test_a_restart_without_a_checkpoint_goes_on_under_the_published_ids() -> None:
    world = World()
    world.hear(*(seen(t, 10.0 * t, n) for t in range(8) for n in (0.0, 2_000.0)))
    world.hear(*(seen(t + 0.5, 10.0 * t, 5_000, source="adsb", identity="icao:ab12cd") for t in range(8)))
    world.rest()
    before = {id_: track.updates for id_, track in world.shown.items()}
    fresh = World()
    fresh.tracks.restore([], world.shown.values())
    fresh.shown = dict(world.shown)
    fresh.hear(*(seen(t, 10.0 * t, n) for t in range(9, 14) for n in (0.0, 2_000.0)))
    fresh.hear(*(seen(t + 0.5, 10.0 * t, 5_000, source="adsb", identity="icao:ab12cd") for t in range(9, 14)))
    fresh.rest()
    assert fresh.shown.keys() == before.keys()
    assert all(track.updates == before[id_] + 5 for id_, track in fresh.shown.items())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_restored_picture_goes_on_exactly(seed: int, cut: int) -> None:
    random = np.random.default_rng(seed)
    reports: list[Position] = []
    for t in range(12):
        for k in range(5):
            identity = None if k % 2 else f"device:{k}"
            east, north = k * 300 + 15.0 * t + random.normal(0, 10), random.normal(0, 10)
            reports.append(seen(t + 0.13 * k, east, north, source=f"s{k % 3}", identity=identity))
    reports = [reports[k] for k in np.argsort(np.arange(60) + random.normal(0, 2, 60))]
    whole, first = World().hear(*reports), World().hear(*reports[:cut])
    second = first.restarted().hear(*reports[cut:])
    assert msgspec.msgpack.encode(second.tracks.state()) == msgspec.msgpack.encode(whole.tracks.state())
    assert second.shown == whole.shown


@pytest.mark.parametrize("frame", [LocalFrame(0.0, 179.999), LocalFrame(78.2, 15.6), LocalFrame(-54.8, -68.3)])
def test_tracks_are_followed_across_the_antimeridian_and_far_north(frame: LocalFrame) -> None:
    world = World().hear(*(seen(t, 60.0 * (t - 10), 0, frame=frame, identity="device:far") for t in range(20)))
    track = world.one()
    assert track.location is not None
    assert distance_m(track.location.lat, track.location.lon, *frame.to_geodetic(540, 0)) < 40


def test_nonsense_costs_only_itself() -> None:
    world = World().hear(*(seen(t, 10.0 * t, 0) for t in range(5)))
    same, name = seen(5, 50.0, 0), "summit_fusion_detections_refused_total"
    before = REGISTRY.get_sample_value(name, {"reason": "identical"}) or 0.0
    world.tracks.observe([msgspec.structs.replace(same, id=derived_id(START, str(k))) for k in range(1_000)])
    world.tracks.observe([seen(5.2, 52.0, 0, cov_m2=((1.0, 1.0), (1.0, 1.0)), sigma_m=10.0)])
    world.hear(*(seen(t, 10.0 * t, 0) for t in range(6, 12)))
    assert len(world.shown) == 1
    assert (REGISTRY.get_sample_value(name, {"reason": "identical"}) or 0.0) - before == 999
