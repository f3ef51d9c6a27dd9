"""The decision of who may do what, against a plain statement of the same rules."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.errors import ForbiddenError, NotFoundError
from summit_core.model import Circle, Polygon, Principal, Role, Zone
from summit_core.security.decision import Reason, Scope, Thing, decide, require
from summit_core.security.permissions import GRANTS, Permission
from summit_core.security.places import bounds, overlap, within

NOW = datetime(2026, 1, 1, tzinfo=UTC)
lons, lats = st.floats(-180, 180), st.floats(-90, 90)
boxes = st.builds(
    lambda west, a, east, b: (west, min(a, b), east, max(a, b)),
    *(lons, lats, lons, lats),
)
points = st.builds(lambda lon, lat: (lon, lat, lon, lat), lons, lats)
organisations = st.sampled_from(["default", "north", "south"])
owners = st.sampled_from([None, "north", "south"])
principals = st.builds(
    lambda role, organisation, areas: Principal(
        id="a", name="a", role=role, organisation=organisation, areas=tuple(areas)
    ),
    st.sampled_from(Role),
    organisations,
    st.lists(boxes, max_size=2),
)
things = st.builds(Thing, owners, st.one_of(st.none(), boxes, points))


def _in(lon: float, lat: float, box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    across = west <= lon <= east if west <= east else (lon >= west or lon <= east)
    return across and south <= lat <= north


@given(principals, st.sampled_from(Permission), things)
def test_granted_means_role_and_organisation_and_area(
    principal: Principal, permission: Permission, thing: Thing
) -> None:
    ruling = decide(principal, permission, thing)
    assert bool(ruling.detail) is not ruling.allowed, "who is denied is told why"
    if not ruling.allowed:
        return
    assert permission in GRANTS[principal.role]
    assert (thing.owner or "default") == principal.organisation
    if thing.bounds is not None and principal.areas and thing.bounds[0] == thing.bounds[2]:
        assert any(_in(thing.bounds[0], thing.bounds[1], area) for area in principal.areas)


@given(principals, things)
def test_what_is_hidden_is_hidden_whatever_one_may_do(principal: Principal, thing: Thing) -> None:
    rulings = {decide(principal, may, thing).reason for may in GRANTS[principal.role] - {Permission.ORGANISE}}
    hidden = {Reason.ORGANISATION, Reason.AREA}
    assert not rulings & hidden or len(rulings) == 1
    assert Scope.of(principal).holds(thing) is not bool(rulings & hidden)


@given(principals, things)
def test_a_narrower_area_never_shows_more(principal: Principal, thing: Thing) -> None:
    everywhere = Principal(id="a", name="a", role=principal.role, organisation=principal.organisation)
    for permission in Permission:
        if decide(principal, permission, thing).allowed:
            assert decide(everywhere, permission, thing).allowed


@given(boxes, points)
def test_a_point_is_in_a_box_or_not(box: tuple[float, float, float, float], point: tuple[float, ...]) -> None:
    lon, lat = point[0], point[1]
    at = (lon, lat, lon, lat)
    assert overlap(box, at) == overlap(at, box) == within(at, box) == _in(lon, lat, box)


@given(boxes, boxes, points)
def test_within_means_every_point_of_it(
    inner: tuple[float, float, float, float],
    outer: tuple[float, float, float, float],
    point: tuple[float, float, float, float],
) -> None:
    if within(inner, outer):
        assert overlap(inner, outer)
        assert not within(point, inner) or within(point, outer)
    if within(point, inner) and within(point, outer):
        assert overlap(inner, outer)


@pytest.mark.parametrize(
    ("thing", "permission", "error"),
    [
        (Thing("north", None), Permission.READ, None),
        (Thing(None, None), Permission.READ, NotFoundError),
        (Thing("north", (20.0, 20.0, 20.0, 20.0)), Permission.OPERATE, NotFoundError),
        (Thing("north", (5.0, 5.0, 15.0, 15.0)), Permission.READ, None),
        (Thing("north", (5.0, 5.0, 15.0, 15.0)), Permission.OPERATE, ForbiddenError),
        (Thing("north", None), Permission.APPROVE, ForbiddenError),
    ],
)
def test_what_the_caller_is_told(thing: Thing, permission: Permission, error: type[Exception] | None) -> None:
    who = Principal(id="o", name="o", role=Role.OPERATOR, organisation="north", areas=((0.0, 0.0, 10.0, 10.0),))
    assert decide(who, permission, thing).allowed is (error is None)
    if error is not None:
        with pytest.raises(error):
            require(who, permission, thing)


@given(principals, st.lists(st.sampled_from(["a", "b", "c"]), max_size=2))
def test_a_device_speaks_for_itself_and_others_for_what_is_theirs(principal: Principal, voices: list[str]) -> None:
    ruling = decide(principal, Permission.OBSERVE, Thing(principal.owner, voices=tuple(voices)))
    silent = principal.role is Role.DEVICE and principal.name not in voices
    assert (ruling.reason is Reason.VOICE) is silent
    assert ruling.allowed or silent or Permission.OBSERVE not in GRANTS[principal.role]


def test_only_the_default_organisation_makes_others() -> None:
    ours = Principal(id="a", name="a", role=Role.ADMINISTRATOR)
    theirs = Principal(id="b", name="b", role=Role.ADMINISTRATOR, organisation="north")
    assert decide(ours, Permission.ORGANISE).allowed
    assert decide(theirs, Permission.ORGANISE).reason is Reason.INSTALLATION
    assert decide(theirs, Permission.ADMINISTER).allowed


def test_a_circle_over_a_pole_is_on_every_longitude() -> None:
    common = {"id": "z", "name": "z", "rule": "inclusion", "created_at": NOW, "updated_at": NOW}
    polar = Zone(**common, circle=Circle(lat=89.9, lon=10.0, radius_m=50_000.0))
    found = bounds(polar)
    assert found is not None
    assert found[0::2] == (-180.0, 180.0)
    ring = ((179.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (179.0, 1.0), (179.0, 0.0))
    crossing = Zone(**common, geometry=Polygon(coordinates=(ring,)))
    assert bounds(crossing) == (179.0, 0.0, -179.0, 1.0)
