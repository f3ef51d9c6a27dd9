"""What observations say about their source, and what silence means."""

from datetime import UTC, datetime, timedelta

from summit_core.ids import new_id
from summit_core.model import Bearing, Entity, Measurement, Position, Telemetry
from summit_fabric.entities import LINK_LOST, absorb, is_older, link_lost, substance
from summit_fabric.rhythm import Rhythm, freshness_after

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


def test_older_is_ignored_but_a_recording_may_be_played_again() -> None:
    entity = known(absorb(None, flying(10, recording="r")))
    assert is_older(entity, flying(9, recording="r"))
    assert not is_older(link_lost(entity, NOW), flying(9, recording="r"))
    assert not is_older(entity, flying(10, recording="r"))


def test_only_clocks_and_counters_are_no_substance() -> None:
    one, two = known(absorb(None, flying())), known(absorb(absorb(None, flying()), flying(1)))
    assert substance(one) == substance(two)
    assert substance(one) != substance(known(absorb(one, flying(2, battery=0.4))))


def test_the_rhythm_forgives_an_outage_and_scales_the_patience() -> None:
    rhythm = Rhythm(NOW)
    for at_s in (60, 120, 180, 2000, 2060):
        rhythm.hear(NOW + timedelta(seconds=at_s))
    assert rhythm.learned_s == 60
    silences = [freshness_after(timedelta(seconds=s), rhythm.learned_s) for s in (170, 190, 610)]
    assert silences == ["live", "stale", "lost"]
    assert [freshness_after(timedelta(seconds=s), 1.0) for s in (4, 6, 31)] == ["live", "stale", "lost"]
