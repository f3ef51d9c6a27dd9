"""Scenarios without I/O, and a task as tasking would dispatch it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from summit_core.clock import ManualClock
from summit_core.model import Plan, Task, TaskKind, TaskState, Waypoint
from summit_sim import ridge_fire
from summit_sim.scenario import Scenario

START = datetime(2026, 7, 1, 20, 0, tzinfo=UTC)


@pytest.fixture
def dry() -> Callable[..., Scenario]:
    """``dry(seed=…, speed=…)``: ridge-fire under a clock that stands still."""

    def build(seed: int = 7, speed: float = 1.0) -> Scenario:
        return ridge_fire.build(seed=seed, speed=speed, start=ManualClock(START).now())

    return build


@pytest.fixture
def investigate() -> Callable[..., Task]:
    """A dispatched task; by default to look at the fire of ridge-fire for a minute."""

    def make(
        asset: str = "drone-1", id_: str = "task-1", kind: TaskKind = "investigate", loiter_s: float = 30.0
    ) -> Task:
        lat, lon = ridge_fire.RIDGE.to_geodetic(ridge_fire.FIRE.east + 60.0, ridge_fire.FIRE.north - 40.0)
        waypoints = (Waypoint(lat=lat, lon=lon, alt_m=1100.0, loiter_s=loiter_s),)
        return Task(
            id=id_,
            kind=kind,
            title="Look at the smoke",
            state=TaskState.DISPATCHED,
            asset=asset,
            plan=Plan(waypoints=waypoints, distance_m=7200.0, duration_s=320.0, arrive_s=145.0, reserve=0.8),
            plan_hash="hash",
            risk="low",
            proposed_at=START,
            updated_at=START,
        )

    return make
