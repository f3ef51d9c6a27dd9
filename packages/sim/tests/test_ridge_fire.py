"""ridge-fire as a dry run: what is said, how truly, and that it is said again the same."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from summit_core.geo import distance_m, initial_bearing_deg, wrap_angle
from summit_core.model import Bearing, Measurement, Position, TaskStatus, Telemetry
from summit_core.wire import decode_observation, encode
from summit_sim.actor import Message
from summit_sim.scenario import Scenario

Dry = Callable[..., Scenario]


def text(messages: list[Message]) -> bytes:
    return b"\n".join(encode(message) for message in messages)


def test_the_same_seed_says_the_same_bytes(dry: Dry) -> None:
    assert text(list(dry(seed=3).emit(until=120.0))) == text(list(dry(seed=3).emit(until=120.0)))
    assert text(list(dry(seed=3).emit(until=20.0))) != text(list(dry(seed=4).emit(until=20.0)))


def test_what_is_said_does_not_depend_on_how_often_one_asks(dry: Dry) -> None:
    often = dry()
    pieces = [message for tenth in range(301) for message in often.emit(until=tenth / 10)]
    assert sorted(encode(message) for message in pieces) == sorted(encode(m) for m in dry().emit(until=30.0))


def test_every_message_passes_the_door_and_is_numbered_without_a_gap(dry: Dry) -> None:
    scenario = dry(speed=4.0)
    seen: Counter[str] = Counter()
    ids = set()
    for message in scenario.emit(until=60.0):
        assert not isinstance(message, TaskStatus)
        kind = str(message.__struct_config__.tag)
        checked = decode_observation(encode(message), now=message.observed_at, kind=kind, source=message.source)
        assert checked.seq == seen[message.source]
        seen[message.source] += 1
        ids.add(checked.id)
    assert len(ids) == seen.total()
    assert set(seen) == {actor.id for actor in scenario.actors}
    assert len(scenario.actors) == 15


def test_three_cameras_point_at_the_fire_and_one_does_not(dry: Dry) -> None:
    scenario = dry()
    fire = scenario.run.world.fire_position
    errors: dict[str, list[float]] = {}
    for message in scenario.emit(until=600.0):
        if isinstance(message, Bearing):
            assert (message.observed_at - scenario.run.start).total_seconds() >= 5.0
            truth = initial_bearing_deg(message.lat, message.lon, *fire)
            error = wrap_angle(message.azimuth_deg - truth) / message.sigma_deg
            errors.setdefault(message.source, []).append(error)
    assert {name: len(values) for name, values in errors.items()} == dict.fromkeys(errors, 119) | {"cam-1": 120}
    for name in ("cam-1", "cam-2", "cam-3"):
        assert abs(sum(errors[name]) / 119) < 0.3
        assert 0.8 < math.sqrt(sum(error**2 for error in errors[name]) / 119) < 1.2
    assert sum(errors["cam-4"]) / 119 == pytest.approx(20.0 / 0.8, abs=0.5)


def test_the_gas_sensor_falls_silent_and_the_weather_does_not(dry: Dry) -> None:
    scenario = dry()
    last: dict[str, float] = {}
    weather = set()
    for message in scenario.emit(until=100.0):
        if isinstance(message, Measurement | Telemetry):
            last[message.source] = (message.observed_at - scenario.run.start).total_seconds()
        if isinstance(message, Measurement) and message.source == "wx-1":
            weather.add(message.quantity)
    assert last["gas-1"] == 38.0
    assert last["wx-1"] == 100.0
    assert weather == {"wind_speed", "wind_direction", "temperature", "relative_humidity"}


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0, 20.0])
def test_reported_speed_is_the_apparent_speed_and_reports_stay_frequent(dry: Dry, speed: float) -> None:
    scenario = dry(speed=speed)
    plane = [m for m in scenario.emit(60.0 * speed) if isinstance(m, Position) and m.identity == "icao:a4b103"]
    first, last = plane[0], plane[-1]
    seconds = (last.observed_at - first.observed_at).total_seconds()
    if speed <= 4.0:  # on its straight leg
        apparent = distance_m(first.lat, first.lon, last.lat, last.lon) / seconds
        assert apparent == pytest.approx(first.speed_mps, rel=0.02)
    assert seconds == pytest.approx(60.0, abs=1.0)
    assert 1.0 <= (len(plane) - 1) / seconds <= 5.01


def test_the_radar_sees_a_vehicle_without_a_name(dry: Dry) -> None:
    echoes = [m for m in dry().emit(until=20.0) if isinstance(m, Position) and m.source == "radar-1"]
    assert len(echoes) == 21
    assert all(echo.identity is None and echo.speed_mps is None for echo in echoes)
