"""Charts and ground: true to the earth within their reach, anywhere; every place has exactly one owner."""

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from summit_core.geo import WGS84_A, WGS84_E2, destination, distance_m
from summit_fusion.jipda.layout import FULL, Arrays, Floats
from summit_fusion.shards.chart import Chart, move_frame, noise_on_plane, turning
from summit_fusion.shards.ground import CELL, HALO_M, REGION, SHOW_M, Ground
from summit_fusion.shards.ids import first_id, number, ulid

REACH_M = 600_000.0
EVERYWHERE = [(45.0, 5.0), (0.0, 180.0), (-17.0, 179.9), (89.9, 30.0), (-89.99, 10.0), (66.0, -170.0), (90.0, 0.0)]
latitudes, longitudes = st.floats(-90.0, 90.0), st.floats(-180.0, 180.0)


def earth_centred(lat: Floats, lon: Floats) -> Floats:
    """WGS-84 Cartesian coordinates, the judge of distances: it knows no projection."""
    phi, lam = np.radians(lat), np.radians(lon)
    across = WGS84_A / np.sqrt(1.0 - WGS84_E2 * np.sin(phi) ** 2)
    return np.stack(
        [
            across * np.cos(phi) * np.cos(lam),
            across * np.cos(phi) * np.sin(lam),
            across * (1.0 - WGS84_E2) * np.sin(phi),
        ],
        1,
    )


@pytest.mark.parametrize("centre", EVERYWHERE)
def test_a_chart_is_true_to_a_metre_within_its_reach(centre: tuple[float, float]) -> None:
    """Places come back, and what is 3 km apart on the earth is so on the plane with the scale of the place."""
    chart, random = Chart.at(*centre), np.random.default_rng(1)
    here = random.uniform(-REACH_M / np.sqrt(2), REACH_M / np.sqrt(2), (2000, 2))
    lat, lon = chart.places(here)
    back, frame = chart.lay(lat, lon)
    assert np.abs(back - here).max() < 1e-4
    direction = random.uniform(0, 2 * np.pi, 2000)
    step = 3000.0 * np.stack([np.cos(direction), np.sin(direction)], 1)
    there = earth_centred(*chart.places(here + step))
    scale = np.hypot(*frame.T)
    assert np.abs(np.linalg.norm(there - earth_centred(lat, lon), axis=1) - 3000.0 / scale).max() < 1.0
    assert scale.min() > 0.9999
    assert scale.max() < 1.003


@given(latitudes, longitudes, st.floats(0, 360), st.floats(0, 500_000), st.floats(0, 360))
@example(89.999, 0.0, 0.0, 1000.0, 10.0)
@example(0.0, 179.999, 90.0, 100_000.0, 90.0)
def test_what_flies_straight_flies_straight_on_the_chart(
    lat: float, lon: float, away: float, distance: float, course: float
) -> None:
    """300 m/s for 10 s along a great circle against the plane's straight line."""
    chart, start = Chart.at(lat, lon), destination(lat, lon, away, distance)
    places = [destination(*start, course, metres) for metres in (0.0, 1500.0, 3000.0)]
    plane, _ = chart.lay(np.array([p[0] for p in places]), np.array([p[1] for p in places]))
    assert np.hypot(*(plane[2] - (2 * plane[1] - plane[0]))) < 0.1


@pytest.mark.parametrize("centre", EVERYWHERE)
def test_the_frame_of_a_place_points_east_and_north(centre: tuple[float, float]) -> None:
    chart = Chart.at(*centre)
    lat, lon = chart.places(np.random.default_rng(2).uniform(-4e5, 4e5, (200, 2)))
    inside = np.abs(lat) < 89.0
    lat, lon = lat[inside], lon[inside]
    plane, frame = chart.lay(lat, lon)
    east, _ = chart.lay(lat, lon + 1e-5)
    north, _ = chart.lay(lat + 1e-5, lon)
    origin = earth_centred(lat, lon)
    for moved, there, expected in (
        (east, earth_centred(lat, lon + 1e-5), frame),
        (north, earth_centred(lat + 1e-5, lon), np.stack([-frame[:, 1], frame[:, 0]], 1)),
    ):
        metres = np.linalg.norm(there - origin, axis=1)[:, None]
        np.testing.assert_allclose((moved - plane) / metres, expected, atol=2e-5)


def test_covariances_keep_their_directions() -> None:
    chart = Chart.at(60.0, 10.0)
    _, frame = chart.lay(np.array([62.0]), np.array([15.0]))
    noise = np.array([[100.0, 30.0, 400.0]])
    turn = turning(frame)[0, :2, :2]
    expected = turn @ np.array([[100.0, 30.0], [30.0, 400.0]]) @ turn.T
    found = noise_on_plane(noise, frame)[0]
    np.testing.assert_allclose(found, [expected[0, 0], expected[0, 1], expected[1, 1]])
    np.testing.assert_allclose(turning(frame)[0] @ turning(frame, back=True)[0], np.eye(4), atol=1e-12)


@pytest.mark.parametrize("centre", EVERYWHERE)
def test_from_chart_to_chart_and_back_is_the_same_track(centre: tuple[float, float]) -> None:
    one, other = Chart.at(*centre), Chart.at(*destination(*centre, 60.0, 700_000.0))
    rows, random = Arrays.empty(8), np.random.default_rng(3)
    rows.count = 8
    rows.mean[:] = random.normal(0, 100_000.0, (8, 2, 4))
    rows.mean[:, :, 2:] = random.normal(0, 100.0, (8, 2, 2))
    root = random.normal(size=(8, 2, 4, 4))
    whole = root @ root.transpose(0, 1, 3, 2) + np.eye(4)
    for entry in range(10):
        rows.cov[:, :, entry] = whole[:, :, *np.argwhere(entry == FULL)[0]]
    before = rows.copy()
    move_frame(rows, one, other)
    assert np.abs(rows.mean - before.mean).max() > 1000.0
    move_frame(rows, other, one)
    np.testing.assert_allclose(rows.mean, before.mean, atol=1e-3)
    np.testing.assert_allclose(rows.cov, before.cov, rtol=1e-7, atol=1e-9)


def test_a_field_of_view_stays_a_circle() -> None:
    chart = Chart.at(45.0, 5.0)
    east, north, radius = chart.circle(47.0, 8.0, 150_000.0)
    rim = [destination(47.0, 8.0, bearing, 150_000.0) for bearing in range(0, 360, 15)]
    plane, _ = chart.lay(np.array([p[0] for p in rim]), np.array([p[1] for p in rim]))
    np.testing.assert_allclose(np.hypot(*(plane - [east, north]).T), radius, rtol=5e-3)


@given(st.lists(st.tuples(latitudes, longitudes), min_size=1, max_size=20))
@hypothesis_settings(max_examples=40, deadline=None)
def test_every_place_has_one_owner_and_everybody_agrees(places: list[tuple[float, float]]) -> None:
    """However the cells are dealt out to shards, and in whatever order places are met."""
    lat, lon = np.array([p[0] for p in places]), np.array([p[1] for p in places])
    cells = [Ground(None).owner(*place) for place in places]
    dealt = [frozenset(cells[k::3]) for k in range(3)]
    dealt = [dealt[0], dealt[1] - dealt[0], dealt[2] - dealt[0] - dealt[1]]
    owners = np.zeros(len(places), int)
    for share in dealt:
        ground = Ground(share)
        order = np.argsort(np.sin(lat * 1e3))
        kinds = np.empty(len(places), np.int64)
        kinds[order] = ground.kinds_of(lat[order], lon[order])
        owners += [ground.is_ours(ground.kinds[k][0]) for k in kinds]
    assert (owners == 1).all()


@given(latitudes, longitudes, st.floats(0, 360), st.floats(0, 0.9))
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_is_near_a_border_is_in_the_halo(lat: float, lon: float, bearing: float, part: float) -> None:
    """Whoever owns a place knows of detections within the halo of it, and of tracks within showing distance."""
    ground, other = Ground(None), destination(lat, lon, bearing, part * SHOW_M)
    far = destination(lat, lon, bearing, part * HALO_M)
    own, near, halo = (ground.owner(*place) for place in ((lat, lon), other, far))
    kind = ground.kinds[ground.kinds_of(np.array([lat]), np.array([lon]))[0]]
    assert ground.zone(near) in kind[2] or distance_m(lat, lon, *other) > SHOW_M
    assert ground.zone(halo) in kind[1]
    assert kind[0] == h3.cell_to_parent(own, REGION)
    assert h3.get_resolution(own) == CELL


@given(st.text(max_size=20), st.floats(0, 8e9), st.integers(0, 4000))
def test_ids_go_there_and_back(name: str, time: float, more: int) -> None:
    found = first_id(name, time) + more
    assert 0 <= found < 1 << 63
    assert number(ulid(found)) == found
    assert len(ulid(found)) == 26


@pytest.mark.parametrize("text", ["", "01HF7YAT000004GHF6AMZH000", "01HF7YAT000004GHF6AMZH000I", "7" * 26, "é" * 26])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the id of a track"):
        number(text)
