"""Hazards over known ground: a band for one camera, a better place for two, and nothing where no ground is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace
from summit_core import wire
from summit_core.errors import InputError
from summit_core.geo import LocalFrame, distance_m, initial_bearing_deg
from summit_core.ids import derived_id
from summit_core.model import Bearing, Entity
from summit_fusion.hazards import Hazards, Relief
from summit_fusion.terrain import Patch
from summit_fusion.terrain.raycast import CURVATURE

FRAME = LocalFrame(44.05, 5.05)
START = datetime(2026, 8, 1, 12, tzinfo=UTC)
MAST_M = 60.0


@dataclass
class Level:
    """An elevation model of a plain, 100 m high, that remembers what was asked of it."""

    asked: list[tuple[float, float]] = field(default_factory=list)

    def around(self, lat: float, lon: float, radius_m: float, cell_m: float | None = None) -> Patch:
        self.asked.append((lat, lon))
        if lat < 0.0:
            raise InputError("the elevation data knows nothing around here", field="position")
        cells = 2 * math.ceil(radius_m / 50.0) + 1
        return Patch.centred(lat, lon, np.full((cells, cells), 100.0, dtype=np.float32), 50.0)


def bearing(
    camera: tuple[float, float], seconds: float, fire: tuple[float, float], *, angle_deg: float | None
) -> Bearing:
    (lat, lon), at = FRAME.to_geodetic(*camera), START + timedelta(seconds=seconds)
    return Bearing(
        source=f"cam-{camera[0]:.0f}",
        id=derived_id(at, f"{camera}", f"{fire}"),
        observed_at=at,
        received_at=at,
        lat=lat,
        lon=lon,
        azimuth_deg=initial_bearing_deg(lat, lon, *FRAME.to_geodetic(*fire)),
        sigma_deg=1.0,
        elevation_deg=angle_deg,
        elevation_sigma_deg=None if angle_deg is None else 0.1,
        confidence=0.8,
        class_="smoke",
    )


def angle_down_to(range_m: float) -> float:
    """Elevation angle of level ground at a range, as the refracted line sees it from the mast."""
    return -math.degrees(math.atan(MAST_M / range_m + CURVATURE * range_m))


def told(bearings: Sequence[Bearing], relief: Relief | None) -> Entity:
    """The hazard after these bearings; the ground is read before they are heard, as the worker does it."""
    hazards = Hazards(relief=relief)
    if relief is not None:
        relief.read(relief.missing((one.lat, one.lon) for one in bearings))
    latest: list[Entity] = []
    for one in bearings:
        hazards.observe(one)
        changed = hazards.changed(one.observed_at)
        hazards.settle(changed)
        latest = changed or latest
    return latest[-1]


def test_one_camera_over_known_ground_gives_a_stretch_of_its_line_and_no_point() -> None:
    fire = (3_450.0, 0.0)
    seen = [bearing((0.0, 0.0), s, fire, angle_deg=angle_down_to(3_450.0)) for s in (0, 20, 40, 61)]
    hazard = told(seen, Relief(Level(), MAST_M))
    assert (hazard.ambiguity, hazard.location) == ("one_camera", None)
    (evidence,) = hazard.bearings
    (stretch,) = evidence.ranges
    assert 3_450 / 1.25 < stretch.near_m < 3_450 < stretch.far_m < 3_450 * 1.35
    assert stretch.probability == pytest.approx(0.95, abs=0.03) and stretch.hidden == 0.0
    assert wire.decode(wire.encode(hazard), Entity) == hazard


def test_without_an_elevation_model_nothing_is_said_of_ranges() -> None:
    seen = [bearing((0.0, 0.0), s, (3_450.0, 0.0), angle_deg=-1.0) for s in (0, 20, 40, 61)]
    assert told(seen, None).bearings[0].ranges == ()
    far = [replace(one, lat=-20.0) for one in seen]
    (evidence,) = told(far, Relief(Level(), MAST_M)).bearings
    assert evidence.ranges == ()


def test_the_ground_places_a_fire_that_lies_almost_in_line_with_two_cameras() -> None:
    fire, cameras = (5_000.0, 0.0), ((0.0, 0.0), (-4_000.0, 500.0))
    angles = [angle_down_to(math.dist(fire, camera)) for camera in cameras]
    seen = [
        bearing(camera, s + k, fire, angle_deg=angles[k]) for s in (0, 20, 40, 61) for k, camera in enumerate(cameras)
    ]
    seen = [replace(one, azimuth_deg=one.azimuth_deg + off) for one, off in zip(seen, [0.5, -0.5] * 4, strict=True)]
    plain, better = told(seen, None), told(seen, Relief(Level(), MAST_M))
    assert plain.location is not None and better.location is not None
    assert plain.location.cov_m2 is not None and better.location.cov_m2 is not None
    there = FRAME.to_geodetic(*fire)
    before = distance_m(plain.location.lat, plain.location.lon, *there)
    after = distance_m(better.location.lat, better.location.lon, *there)
    assert after < 0.6 * before
    assert np.linalg.det(better.location.cov_m2) < 0.5 * np.linalg.det(plain.location.cov_m2)


def test_the_ground_of_a_neighbourhood_is_read_once() -> None:
    level = Level()
    relief = Relief(level, MAST_M)
    places = [(44.05, 5.05), (44.06, 5.051), (44.25, 5.05), (-20.0, 5.05)]
    relief.read(relief.missing(places))
    assert len(level.asked) == 3
    assert relief.missing(places) == set()


def test_a_landmark_is_no_fire_but_tells_the_error_of_the_mount() -> None:
    hazards = Hazards()
    tower = FRAME.to_geodetic(0.0, 6_000.0)
    off = bearing((0.0, 0.0), 0.0, (0.0, 6_000.0), angle_deg=None)
    hazards.observe(replace(off, azimuth_deg=3.0, sigma_deg=0.1, landmark=tower))
    assert hazards.changed(START) == []
    assert hazards.bias("cam-0").deg == pytest.approx(2.9, abs=0.2)
    beside = FRAME.to_geodetic(1.0, 1.0)
    hazards.observe(replace(off, azimuth_deg=200.0, landmark=beside))
    assert hazards.bias("cam-0").deg == pytest.approx(2.9, abs=0.2), "a landmark beside the camera has no direction"
