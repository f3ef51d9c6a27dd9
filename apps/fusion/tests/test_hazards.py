"""Hazards: what is believed and when, which smokes are one fire, what is learnt of cameras, and on after a restart."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from summit_core import wire
from summit_core.geo import LocalFrame, distance_m, initial_bearing_deg
from summit_core.ids import derived_id
from summit_core.model import Bearing, Entity
from summit_fusion.hazards import Hazards
from summit_fusion.settings import FusionSettings
from summit_sim import ridge_fire

FRAME = LocalFrame(43.7, 5.3)
START = datetime(2026, 8, 1, 12, tzinfo=UTC)
RING = [(-9_000.0, 1_000.0), (2_000.0, 8_000.0), (7_000.0, -6_000.0), (-5_000.0, -7_000.0), (10_000.0, 3_000.0)]
FIRE, SECOND, THIRD = (600.0, -400.0), (-3_500.0, 5_000.0), (-3_500.0, 3_000.0)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def bearing(
    camera: int,
    seconds: float,
    fire: tuple[float, float] = FIRE,
    *,
    error_deg: float = 0.0,
    confidence: float | None = 0.8,
    recording: str | None = None,
    class_: str | None = "smoke",
) -> Bearing:
    lat, lon = FRAME.to_geodetic(*RING[camera])
    return Bearing(
        source=f"cam-{camera}",
        id=derived_id(at(seconds), f"cam-{camera}", f"{fire} {error_deg}"),
        observed_at=at(seconds),
        received_at=at(seconds),
        lat=lat,
        lon=lon,
        azimuth_deg=(initial_bearing_deg(lat, lon, *FRAME.to_geodetic(*fire)) + error_deg) % 360.0,
        sigma_deg=0.5,
        confidence=confidence,
        recording=recording,
        class_=class_,
    )


def landmark(camera: int, error_deg: float) -> Bearing:
    """The camera measures the direction to a thing whose place is known, which is ``error_deg`` off."""
    seen = bearing(camera, 0, SECOND, error_deg=error_deg)
    return replace(seen, sigma_deg=0.1, landmark=FRAME.to_geodetic(*SECOND))


def told(hazards: Hazards, bearings: Iterable[Bearing]) -> list[Entity]:
    """What is published after these bearings, as the worker does it."""
    now = START
    for one in bearings:
        hazards.observe(one)
        now = max(now, one.observed_at)
    changed = hazards.changed(now)
    hazards.settle(changed)
    return changed


def watched(
    hazards: Hazards, frames: Sequence[float], cameras: Sequence[int], *fires: tuple[float, float]
) -> list[Entity]:
    """The latest version of each hazard after these frames."""
    random, latest = np.random.default_rng(1), dict[str, Entity]()
    for seconds in frames:
        made = [
            bearing(camera, seconds + 0.1 * camera, fire, error_deg=float(random.normal(0, 0.4)))
            for camera in cameras
            for fire in fires
        ]
        latest.update((entity.id, entity) for entity in told(hazards, made))
        for key in hazards.expire(at(seconds)):
            del latest[key]
    return list(latest.values())


def miss_m(entity: Entity, fire: tuple[float, float]) -> float:
    assert entity.location is not None
    return distance_m(entity.location.lat, entity.location.lon, *FRAME.to_geodetic(*fire))


def test_one_camera_is_believed_only_when_the_smoke_stays() -> None:
    hazards = Hazards()
    assert [told(hazards, [bearing(0, second)]) for second in (0, 20, 40)] == [[], [], []]
    (hazard,) = told(hazards, [bearing(0, 60)])
    assert (hazard.ambiguous, hazard.ambiguity, hazard.location) == (True, "one_camera", None)
    (evidence,) = hazard.bearings
    assert evidence.state == "confirmed"
    assert "4 of 4 frames" in evidence.reason and "60 s" in evidence.reason
    (later,) = told(hazards, [bearing(1, 61)])
    assert later.id == hazard.id
    assert miss_m(later, FIRE) < 100
    assert {evidence.state for evidence in later.bearings} == {"candidate", "confirmed"}


def test_a_reflection_that_flickers_is_never_a_hazard() -> None:
    hazards = Hazards()
    for second in (0, 20, 90, 150, 260, 280, 400, 470):
        assert told(hazards, [bearing(0, second, confidence=0.5)]) == []
    (camera,) = hazards.cameras()
    assert [smoke.persistence.state for smoke in camera.smokes] == ["tentative"]


def test_weak_frames_need_more_of_them() -> None:
    hazards = Hazards()
    assert [told(hazards, [bearing(0, second, confidence=0.2)]) for second in range(0, 120, 20)] == [[]] * 6


def test_two_cameras_that_agree_within_seconds_are_belief_enough() -> None:
    hazards = Hazards()
    assert told(hazards, [bearing(0, 0.0)]) == []
    (hazard,) = told(hazards, [bearing(1, 0.5)])
    assert not hazard.ambiguous
    assert hazard.label == "smoke seen by 2 cameras"
    assert miss_m(hazard, FIRE) < 20
    assert {evidence.source: evidence.bias_sigma_deg for evidence in hazard.bearings} == {"cam-0": 0.5, "cam-1": 0.5}


def test_a_wrong_bearing_is_named_and_left_out() -> None:
    hazards = Hazards()
    (hazard,) = told(hazards, [*(bearing(camera, 0) for camera in range(4)), bearing(4, 1, error_deg=20.0)])
    assert {evidence.source for evidence in hazard.bearings if not evidence.used} == {"cam-4"}
    assert miss_m(hazard, FIRE) < 50
    for second in range(10, 200, 10):
        more = [*(bearing(camera, second) for camera in range(4)), bearing(4, second, error_deg=20.0)]
        (later,) = told(hazards, more)
        assert later.id == hazard.id, "a camera that should see the fire and sees something beside it makes no hazard"


def test_two_fires_seen_by_all_are_two_hazards() -> None:
    hazards = Hazards()
    found = watched(hazards, range(0, 60, 10), range(5), FIRE, SECOND)
    assert len(found) == 2
    for fire in (FIRE, SECOND):
        hazard = min(found, key=lambda entity: miss_m(entity, fire))
        assert miss_m(hazard, fire) < 250
        assert not hazard.ambiguous
        assert len(hazard.sources) == 5


def test_a_second_fire_later_is_a_hazard_of_its_own_and_the_first_keeps_its_id() -> None:
    hazards = Hazards()
    (first,) = watched(hazards, (0, 10, 20), range(4), FIRE)
    both = watched(hazards, (30, 40, 50), range(4), FIRE, SECOND)
    assert len(both) == 2
    again = next(entity for entity in both if entity.id == first.id)
    assert miss_m(again, FIRE) < 250
    assert again.updates > first.updates
    assert set(first.causes) <= set(again.causes)


def test_two_cameras_with_two_smokes_each_say_that_it_could_be_otherwise() -> None:
    hazards = Hazards()
    found = told(hazards, [bearing(camera, 0, fire) for camera in (0, 1) for fire in (FIRE, THIRD)])
    assert len(found) == 2
    for hazard in found:
        assert (hazard.ambiguous, hazard.ambiguity) == (True, "association")
        assert len(hazard.hypotheses) >= 2
        assert sum(hypothesis.weight for hypothesis in hazard.hypotheses) == pytest.approx(1.0)
    places = [(h.lat, h.lon) for hazard in found for h in hazard.hypotheses]
    for fire in (FIRE, THIRD):
        assert any(distance_m(*place, *FRAME.to_geodetic(*fire)) < 100 for place in places)
    settled = told(hazards, [bearing(camera, 1, fire) for camera in (2, 3) for fire in (FIRE, THIRD)])
    assert [hazard.ambiguous for hazard in settled] == [False, False]
    assert all(min(miss_m(hazard, fire) for hazard in settled) < 50 for fire in (FIRE, THIRD))


def test_what_turned_out_to_be_none_leaves() -> None:
    """Two smokes of one camera each, of different fires, cross at a ghost until others see both fires."""
    hazards = Hazards()
    (ghost,) = told(hazards, [bearing(0, 0, FIRE), bearing(1, 0, THIRD)])
    rest = [bearing(c, 1, f) for c in (0, 1, 2, 3, 4) for f in (FIRE, THIRD) if (c, f) not in {(0, FIRE), (1, THIRD)}]
    found = told(hazards, rest)
    assert len(found) == 2
    gone = hazards.expire(at(2))
    assert ghost.id in {entity.id for entity in found} or gone == [ghost.id]
    assert all(min(miss_m(hazard, fire) for hazard in found) < 50 for fire in (FIRE, THIRD))


def test_biases_are_learnt_from_confirmed_fires_and_used() -> None:
    hazards = Hazards()
    off = (1.2, 0.0, 0.0, 0.0, 0.0)
    random = np.random.default_rng(3)
    fires = [tuple(random.uniform(-5_000, 5_000, 2).tolist()) for _ in range(12)]
    latest: Entity | None = None
    for number, fire in enumerate(fires):
        for second in range(0, 121, 20):
            when = number * 2_400.0 + second
            made = [bearing(c, when, fire, error_deg=off[c] + float(random.normal(0.0, 0.3))) for c in range(5)]
            for entity in told(hazards, made):
                latest = entity if "cam-0" in entity.sources else latest
    bias = hazards.bias("cam-0")
    assert abs(bias.deg - 1.2) < 3 * bias.sigma_deg < 0.9
    assert bias.note == "learnt from fires"
    assert latest is not None
    evidence = next(evidence for evidence in latest.bearings if evidence.source == "cam-0")
    assert evidence.bias_deg is not None and evidence.bias_deg > 0.6
    assert evidence.sigma_deg < 0.5


def test_a_landmark_corrects_a_camera_before_any_fire() -> None:
    hazards = Hazards()
    hazards.observe(landmark(0, 3.0))
    (hazard,) = told(hazards, [bearing(0, 1, error_deg=3.0), bearing(1, 1), bearing(2, 1)])
    assert miss_m(hazard, FIRE) < 50
    assert {e.source: round(e.bias_deg or 0.0, 1) for e in hazard.bearings}["cam-0"] == pytest.approx(2.9, abs=0.2)


def test_a_knocked_camera_comes_back_with_the_reason() -> None:
    hazards, random = Hazards(), np.random.default_rng(4)
    latest: Entity | None = None
    for second in range(0, 1200, 20):
        knock = 7.0 if second > 300 else 0.0
        made = [bearing(c, second, error_deg=float(random.normal(0, 0.3)) + knock * (c == 4)) for c in range(5)]
        for entity in told(hazards, made):
            latest = entity
    assert "knocked" in hazards.bias("cam-4").note
    assert hazards.bias("cam-4").deg == pytest.approx(7.0, abs=1.0)
    assert latest is not None
    assert {evidence.source for evidence in latest.bearings if evidence.used} == {f"cam-{c}" for c in range(5)}
    assert any("knocked" in evidence.bias_note for evidence in latest.bearings)


def test_it_fades_and_expires() -> None:
    hazards = Hazards()
    watched(hazards, range(0, 121, 20), range(3), FIRE)
    (hazard,) = hazards.changed(at(360))
    hazards.settle([hazard])
    assert {evidence.state for evidence in hazard.bearings} == {"fading"}
    assert hazards.expire(at(400)) == []
    assert hazards.expire(at(125 + 1800)) == [hazard.id]
    assert hazards.changed(at(4000)) == []


def test_until_it_is_settled_it_is_told_again() -> None:
    hazards = Hazards()
    for camera in range(3):
        hazards.observe(bearing(camera, 0))
    (first,), (again,) = hazards.changed(at(1)), hazards.changed(at(1))
    assert first == again
    hazards.settle([first])
    assert hazards.changed(at(1)) == []


def test_it_goes_on_from_what_was_published() -> None:
    before, after = Hazards(), Hazards()
    before.observe(landmark(0, 1.0))
    published = watched(before, range(0, 121, 20), range(4), FIRE)
    encoded = [wire.decode(wire.encode(entity), Entity) for entity in published]
    after.restore(encoded)
    assert after.changed(at(125)) == []
    (later,) = told(after, [bearing(4, 130)])
    assert later.id == published[0].id
    assert len(later.sources) == 5
    assert set(published[0].causes) < set(later.causes)
    assert later.updates == published[0].updates + 1
    assert after.bias("cam-0").deg == pytest.approx(before.bias("cam-0").deg, abs=0.05)


def test_a_checkpoint_goes_on_bit_by_bit() -> None:
    one, other = Hazards(), Hazards()
    watched(one, range(0, 200, 20), range(5), FIRE, SECOND)
    told(one, [bearing(2, 199, error_deg=40.0)])
    other.load(one.save())
    assert other.save() == one.save()
    for second in (200, 220, 240, 700):
        more = [bearing(camera, second, FIRE, error_deg=0.1 * camera) for camera in range(4)]
        assert told(one, more) == told(other, more)
        assert one.expire(at(second)) == other.expire(at(second))
    assert other.save() == one.save()


def test_repeated_and_older_bearings_change_nothing() -> None:
    hazards = Hazards()
    told(hazards, [bearing(camera, 10) for camera in range(3)])
    assert told(hazards, [bearing(0, 10), bearing(1, 5)]) == []


def test_recordings_and_moving_things_stay_apart() -> None:
    hazards = Hazards()
    assert told(hazards, [bearing(camera, 0, class_="vessel") for camera in range(3)]) == []
    live = told(hazards, [bearing(0, 0)])
    (recorded,) = told(hazards, [bearing(camera, 1, recording="rec-1") for camera in (1, 2)])
    assert live == []
    assert (recorded.recording, recorded.sources) == ("rec-1", ("cam-1", "cam-2"))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.floats(0, 400), st.floats(-180, 180), st.booleans()), min_size=1, max_size=40
    )
)
def test_any_bearings_keep_the_invariants(raw: list[tuple[int, float, float, bool]]) -> None:
    hazards, published = Hazards(), dict[str, Entity]()
    for camera, second, error, exact in raw:
        for entity in told(hazards, [bearing(camera, second, error_deg=0.0 if exact else error)]):
            published[entity.id] = entity
            used = [evidence.source for evidence in entity.bearings if evidence.used]
            assert len(used) == len(set(used)) >= 1
            assert len(used) >= 2 or entity.location is None or entity.ambiguous or len(entity.bearings) > 1
            assert entity.bearings[0].state is not None
            wire.decode(wire.encode(entity), Entity)
        for key in hazards.expire(at(second)):
            assert key in published
    again = Hazards()
    again.load(hazards.save())
    assert again.save() == hazards.save()


def test_settings_reach_the_rules() -> None:
    chosen = FusionSettings(
        nats_url="nats://x", service_key="k" * 20, port=1, smoke_frames=7, smoke_least_s=5.0, camera_bias_deg=2.0
    )
    rules = chosen.hazards()
    assert (rules.persistence.frames, rules.persistence.of_frames) == (7, 7)
    assert rules.persistence.least == timedelta(seconds=5)
    assert Hazards(rules).bias("any").sigma_deg == 2.0


def test_the_ridge_fire_is_a_hazard_with_its_second_bearing() -> None:
    scenario = ridge_fire.build(seed=7, speed=1.0, start=START)
    hazards, first, latest = Hazards(), list[tuple[datetime, Entity]](), dict[str, Entity]()
    seen_at: datetime | None = None
    for message in scenario.emit(240.0):
        if not isinstance(message, Bearing):
            continue
        seen_at = seen_at or message.observed_at
        for entity in told(hazards, [replace(message, received_at=message.observed_at)]):
            latest[entity.id] = entity
            first.append((message.observed_at, entity))
        for key in hazards.expire(message.observed_at):
            del latest[key]
    assert seen_at is not None
    assert first[0][0] - seen_at < timedelta(seconds=1.5)
    (hazard,) = latest.values()
    assert hazard.id == first[0][1].id
    assert not hazard.ambiguous
    assert {evidence.source for evidence in hazard.bearings if evidence.used} == {"cam-1", "cam-2", "cam-3"}
    assert {evidence.source for evidence in hazard.bearings if not evidence.used} == {"cam-4"}
    assert hazard.location is not None
    assert distance_m(hazard.location.lat, hazard.location.lon, *scenario.run.world.fire_position) < 200
