"""What observations say about their source, and what silence means."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from summit_core.ids import new_id
from summit_core.model import Bearing, Entity, Measurement, Position, Telemetry
from summit_fabric.entities import LINK_LOST, absorb, link_lost, substance
from summit_fabric.held import Held
from summit_fabric.rhythm import freshness_after, learned_interval_s

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def said(at_s: float = 0.0) -> dict[str, object]:
    at = NOW + timedelta(seconds=at_s)
    return {"id": new_id(), "source": "s", "observed_at": at, "received_at": at}


def measured(quantity: str, value: float, unit: str, at_s: float = 0.0) -> Measurement:
    return Measurement(**said(at_s), quantity=quantity, value=value, unit=unit, lat=1.0, lon=2.0)


def flying(at_s: float = 0.0, **more: object) -> Telemetry:
    return Telemetry(**said(at_s), category="drone", lat=1.0, lon=2.0, **more)


def known(entity: Entity | None) -> Entity:
    assert entity is not None
    return entity


def test_a_station_shows_the_latest_value_of_each_quantity() -> None:
    first = known(absorb(None, measured("wind_speed", 8.2, "m/s")))
    second = known(absorb(first, measured("relative_humidity", 18, "%", 1)))
    third = known(absorb(second, measured("wind_speed", 9, "m/s", 2)))
    assert third.health is not None
    assert third.health.activity == "relative_humidity 18 %, wind_speed 9 m/s"
    assert (third.kind, third.class_, third.updates) == ("sensor", "station", 3)


def test_a_camera_is_where_it_looks_from_and_an_asset_stays_an_asset() -> None:
    look = Bearing(**said(), lat=3.0, lon=4.0, azimuth_deg=10.0, sigma_deg=1.0)
    camera = known(absorb(None, look))
    assert camera.location is not None
    assert (camera.kind, camera.location.lat, camera.causes) == ("sensor", 3.0, (look.id,))
    drone = known(absorb(None, flying(task="t1", battery=0.5)))
    seen = known(absorb(drone, look))
    assert (seen.kind, seen.location, seen.task) == ("asset", drone.location, "t1")


def test_a_position_makes_no_entity_of_its_source_but_revives_it() -> None:
    position = Position(**said(9), lat=1.0, lon=2.0)
    assert absorb(None, position) is None
    silent = link_lost(known(absorb(None, flying())), NOW)
    assert (silent.freshness, silent.health and silent.health.activity) == ("lost", LINK_LOST)
    heard = known(absorb(silent, position))
    assert (heard.freshness, heard.heard_at) == ("live", position.received_at)


def test_older_is_ignored_with_a_reason_but_a_recording_may_be_played_again() -> None:
    held = Held(known(absorb(None, flying(10, recording="r"))))
    assert not held.take(older := flying(9, recording="r"))
    assert held.entity.ignored is not None
    assert (held.entity.ignored.id, held.entity.observed_at) == (older.id, NOW + timedelta(seconds=10))
    assert "1.000 s before" in held.entity.ignored.reason
    assert held.take(flying(10, recording="r"))
    held.lose(NOW)
    assert held.take(flying(9, recording="r"))
    assert held.entity.observed_at == NOW + timedelta(seconds=9)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["drone", "sensor", "reading", "position"]), st.text(max_size=2)),
        max_size=12,
    ),
    st.sets(st.integers(0, 11)),
)
def test_taking_in_only_the_newest_gives_the_same_as_one_by_one(
    steps: list[tuple[int, str, str]], looks: set[int]
) -> None:
    """``looks``: after which steps somebody reads the entity, as a write does."""
    first = flying()
    held, plain = Held(known(absorb(None, first))), known(absorb(None, first))
    for index, (at_s, what, label) in enumerate(steps):
        observation: Telemetry | Measurement | Position
        if what == "reading":
            observation = measured("wind_speed", at_s, "m/s", at_s)
        elif what == "position":
            observation = Position(**said(at_s), lat=1.0, lon=2.0)
        else:
            observation = Telemetry(**said(at_s), category=what, lat=at_s, lon=2.0, label=label or None)
        taken = held.take(observation)
        assert taken == (observation.observed_at >= plain.observed_at)
        if taken:
            plain = known(absorb(plain, observation))
        if index in looks:
            assert replace(held.entity, ignored=None) == plain
    assert replace(held.entity, ignored=None) == plain
    assert held.heard_at == plain.heard_at


def test_only_clocks_and_counters_are_no_substance() -> None:
    one, two = known(absorb(None, flying())), known(absorb(absorb(None, flying()), flying(1)))
    assert substance(one) == substance(two)
    assert substance(one) != substance(known(absorb(one, flying(2, battery=0.4))))


def test_the_rhythm_forgives_an_outage_and_scales_the_patience() -> None:
    assert learned_interval_s((60, 60)) is None
    assert learned_interval_s((60, 60, 60, 1820, 60)) == 60
    assert learned_interval_s((0.1, 0.2, 0.1)) == 1
    silences = [freshness_after(timedelta(seconds=s), 60) for s in (170, 190, 610)]
    assert silences == ["live", "stale", "lost"]
    assert [freshness_after(timedelta(seconds=s), 1.0) for s in (4, 6, 31)] == ["live", "stale", "lost"]
