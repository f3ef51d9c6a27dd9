"""A drone flies a task once, sees the fire, comes home, and refuses what it cannot do."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace
from summit_core.geo import distance_m
from summit_core.model import Detection, Task, TaskStatus, Telemetry, Waypoint
from summit_sim.actor import Message
from summit_sim.actors import Drone
from summit_sim.scenario import Scenario

Dry = Callable[..., Scenario]
Investigate = Callable[..., Task]


def drone_of(scenario: Scenario, id_: str = "drone-1") -> Drone:
    (drone,) = (actor for actor in scenario.actors if actor.id == id_)
    assert isinstance(drone, Drone)
    return drone


def states(messages: list[Message]) -> list[str]:
    """The states answered, without repeats of the same."""
    said = [message.state for message in messages if isinstance(message, TaskStatus)]
    return [state for state, before in zip(said, [None, *said], strict=False) if state != before]


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_a_task_is_accepted_flown_seen_and_done_in_four_minutes_and_then_it_flies_home(
    dry: Dry, investigate: Investigate, speed: float
) -> None:
    scenario = dry(speed=speed)
    drone = drone_of(scenario)
    drone.step(10.0)
    drone.take(investigate())
    messages = drone.step(400.0)
    assert states(messages) == ["accepted", "executing", "done"]
    (done,) = (m for m in messages if isinstance(m, TaskStatus) and m.state == "done")
    assert 150.0 < (done.at - scenario.run.start).total_seconds() * speed < 240.0
    progress = [m.progress for m in messages if isinstance(m, TaskStatus) and m.progress is not None]
    assert progress == sorted(progress)
    detections = [message for message in messages if isinstance(message, Detection)]
    assert len(detections) >= 5
    for detection in detections:
        assert distance_m(detection.lat, detection.lon, *scenario.run.world.fire_position) < 75.0
        assert (detection.class_, detection.causes) == ("fire", ("task-1",))
        assert detection.confidence == pytest.approx(0.93, abs=0.1)
    assert drone.parked
    assert drone.activity == "parked"
    assert drone.flight.distance((-1900.0, 2200.0)) < 5.0


def test_telemetry_is_true_and_at_least_once_a_second(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    drone.take(investigate())
    reports = [message for message in drone.step(60.0) if isinstance(message, Telemetry)]
    assert len(reports) == 61
    assert (reports[0].cruise_mps, reports[0].capabilities) == (25.0, ("investigate", "camera"))
    cruising = reports[30:50]
    flown = distance_m(cruising[0].lat, cruising[0].lon, cruising[-1].lat, cruising[-1].lon)
    assert flown == pytest.approx(19 * 25.0, abs=10.0)
    assert {report.speed_mps for report in cruising} == {25.0}
    assert {report.task for report in cruising} == {"task-1"}
    used = [a.endurance_s - b.endurance_s for a, b in pairwise(cruising)]
    assert used == pytest.approx([1.0] * 19, abs=0.5)


def test_a_repeated_task_is_answered_again_and_not_flown_again(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    drone.take(investigate())
    assert states(drone.step(400.0))[-1] == "done"
    drone.take(investigate())
    assert states(drone.step(402.0)) == ["done"]
    assert drone.parked


def test_a_busy_drone_and_an_empty_one_refuse(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    drone.take(investigate())
    drone.take(investigate(id_="task-2"))
    answers = {m.task: m.state for m in drone.step(1.0) if isinstance(m, TaskStatus)}
    assert answers == {"task-1": "executing", "task-2": "refused"}
    near_but_empty = drone_of(dry(), "drone-2")
    near_but_empty.take(investigate(asset="drone-2"))
    (refusal,) = (m for m in near_but_empty.step(1.0) if isinstance(m, TaskStatus))
    assert refusal.state == "refused"
    assert "battery" in refusal.note
    assert near_but_empty.parked


def test_a_drone_that_wastes_its_battery_turns_back(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    drone.take(investigate(loiter_s=1200.0))
    drone.step(200.0)
    drone.battery = 0.05
    messages = drone.step(500.0)
    assert states(messages) == ["executing", "failed"]
    assert drone.parked
    assert drone.battery > 0.0


def test_the_way_home_in_a_plan_is_not_part_of_the_task(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    task = investigate()
    lat, lon = drone.run.world.frame.to_geodetic(-1900.0, 2200.0)
    plan = replace(task.plan, waypoints=(*task.plan.waypoints, Waypoint(lat=lat, lon=lon)))
    drone.take(replace(task, plan=plan))
    messages = drone.step(240.0)
    assert states(messages) == ["accepted", "executing", "done"]
    assert not drone.parked


def test_a_drone_is_called_back(dry: Dry, investigate: Investigate) -> None:
    drone = drone_of(dry())
    drone.take(investigate())
    drone.step(195.0)
    assert drone.activity == "flying home"
    drone.take(investigate(id_="task-2", kind="return"))
    assert states(drone.step(400.0)) == ["accepted", "executing", "done"]
    assert drone.flight.distance((-1900.0, 2200.0)) < 5.0
