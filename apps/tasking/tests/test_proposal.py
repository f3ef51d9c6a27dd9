"""Who is asked to go, why, why not the others, and what a person approves."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.geo import distance_m
from summit_core.model import Entity, Health, Location
from summit_tasking.plan.lifecycle import Deadlines
from summit_tasking.plan.proposal import hash_of, outdated, propose
from summit_tasking.plan.route import LEAST_RESERVE, Route, out_and_back
from summit_tasking.plan.tasks import proposed

if TYPE_CHECKING:
    from .conftest import Make


def texts(incident_assets: list[Entity], make: "Make", unavailable: dict[str, str] | None = None) -> list[str]:
    proposal = propose(make.incident(), incident_assets, unavailable or {})
    assert proposal is not None
    return [reason.text for reason in proposal.rationale]


def test_the_nearest_that_comes_home_is_chosen_and_the_nearer_one_explained(make: "Make") -> None:
    proposal = propose(make.incident(), [make.weak_drone(), make.drone()], {})
    assert proposal is not None and proposal.asset == "drone-1" and proposal.risk == "medium"
    assert proposal.plan.reserve >= LEAST_RESERVE and proposal.plan.waypoints[0].loiter_s == 60.0
    choice, rejected, policy = proposal.rationale
    assert choice.text.startswith("drone-1 is the nearest that can: 2.2 km away, there in 89 s")
    assert (
        rejected.text
        == "drone-2 is nearer (1.1 km) but it would come home with 7% of its endurance: below the 20% reserve"
    )
    assert policy.kind == "policy"


def test_each_obstacle_is_named(make: "Make") -> None:
    others = [
        make.drone("drone-3", freshness="lost"),
        make.drone("drone-4", health=None),
        make.drone("drone-5"),
        make.drone("drone-6", lat=39.9),
        make.drone("drone-7", endurance_s=60.0),
        make.drone("crew-1", capabilities=()),
        make.drone("drone-8", task="tsk-old"),
    ]
    reasons = texts([make.drone(lat=39.83), *others], make, {"drone-5": "it is busy with tsk-9"})
    assert "drone-3 is nearer (2.2 km) but it is lost, last heard at 14:00:00 UTC" in reasons
    assert "drone-4: it does not report its endurance and cruise speed" in reasons
    assert "drone-5 is nearer (2.2 km) but it is busy with tsk-9" in reasons
    assert "drone-6 could go too but is farther (11.1 km)" in reasons
    assert any(text.startswith("drone-7 is nearer (2.2 km) but it would not come home") for text in reasons)
    assert not any("crew-1" in text for text in reasons)
    assert "drone-8 is nearer (2.2 km) but it says that it flies tsk-old" in reasons


def test_nobody_can_go(make: "Make") -> None:
    assert propose(make.incident(), [make.weak_drone()], {}) is None
    assert propose(make.incident(location=None), [make.drone()], {}) is None
    assert propose(make.incident(), [make.drone(recording="rec-1")], {}) is None


def test_the_hash_is_bound_to_asset_plan_and_incident(make: "Make") -> None:
    proposal = propose(make.incident(), [make.drone()], {})
    assert proposal is not None
    again = hash_of("drone-1", "investigate", proposal.plan, "inc-1")
    assert proposal.plan_hash == again and len(again) == 64
    assert again != hash_of("drone-2", "investigate", proposal.plan, "inc-1")
    assert again != hash_of("drone-1", "investigate", proposal.plan, "inc-2")


def test_a_plan_stands_until_its_asset_or_target_changes(make: "Make") -> None:
    proposal = propose(make.incident(), [make.drone()], {})
    assert proposal is not None
    task = proposed(make.incident(), proposal, 1, ("inc-1",), make.start, Deadlines())
    here = make.incident().location
    assert outdated(task, make.drone(lat=39.8201), here, {}) == ""
    assert outdated(task, make.drone(freshness="stale"), here, {}) == ""
    assert "is lost" in outdated(task, make.drone(freshness="lost"), here, {})
    assert "below the 20% reserve" in outdated(task, make.drone(endurance_s=280.0), here, {})
    assert outdated(task, None, here, {}) == "drone-1 is gone"
    assert "moved by 556 m" in outdated(task, make.drone(), Location(lat=39.805, lon=-121.4), {})


@given(st.floats(-60, 60), st.floats(-179, 179), st.floats(0.0, 0.5), st.floats(30.0, 20_000.0), st.floats(3.0, 60.0))
def test_a_feasible_route_keeps_its_reserve(
    lat: float, lon: float, off: float, endurance_s: float, cruise: float
) -> None:
    asset = _drone(lat, lon, endurance_s, cruise)
    target = Location(lat=lat + off, lon=lon)
    route = out_and_back(asset, target)
    assert isinstance(route, Route)
    flown = 2 * distance_m(lat, lon, target.lat, lon) / cruise + 60.0
    assert route.duration_s == pytest.approx(flown, rel=1e-6)
    assert route.feasible == (endurance_s - flown >= LEAST_RESERVE * endurance_s) or abs(route.reserve - 0.2) < 1e-9
    assert 0.0 <= route.plan(target).reserve <= 1.0


def _drone(lat: float, lon: float, endurance_s: float, cruise: float) -> Entity:
    at = datetime(2026, 8, 1, tzinfo=UTC)
    return Entity(
        id="drone-1",
        kind="asset",
        owner="fabric",
        observed_at=at,
        heard_at=at,
        updated_at=at,
        location=Location(lat=lat, lon=lon),
        health=Health(endurance_s=endurance_s, cruise_mps=cruise),
    )
