"""Nobody can go and look: the advisory says so, and why, until somebody can."""

from typing import TYPE_CHECKING

from msgspec.structs import replace
from summit_core.model import Entity, Health, IncidentState, Location
from summit_intelligence.rules.reach import nobody_can_look

if TYPE_CHECKING:
    from .conftest import Make


def drone(make: "Make", lat: float, endurance_s: float = 1800.0) -> Entity:
    return Entity(
        id="drone-1",
        kind="asset",
        owner="fabric",
        class_="drone",
        label="Scout 1",
        observed_at=make.start,
        heard_at=make.start,
        updated_at=make.start,
        location=Location(lat=lat, lon=-121.4),
        health=Health(endurance_s=endurance_s, cruise_mps=20.0),
        capabilities=("investigate",),
    )


def test_one_that_comes_home_with_its_reserve_is_enough(make: "Make") -> None:
    assert nobody_can_look(make.incident(), [drone(make, 39.81)]) is None
    assert nobody_can_look(make.incident(state=IncidentState.CONFIRMED), []) is None


def test_without_one_the_reason_is_said(make: "Make") -> None:
    silent = replace(drone(make, 39.81), freshness="lost")
    other = replace(drone(make, 39.81), capabilities=("camera",))
    for assets in ([], [silent], [other]):
        said = nobody_can_look(make.incident(), assets)
        assert said is not None and "no asset that can look is heard" in said.text
    far = nobody_can_look(make.incident(), [drone(make, 41.5)])
    assert far is not None and "would come home" in far.text and "Scout 1 at 1" in far.text
