"""Motions are continuous and their speed and course are the derivative of their position."""

import math

import pytest
from summit_core.geo import wrap_angle
from summit_sim.world import Motion, Patrol, Racetrack

MOTIONS = [
    Racetrack((100.0, -50.0), 0.0, 3000.0, 0.0, 60.0),
    Racetrack((0.0, 9000.0), 60000.0, 9000.0, 330.0, 118.0, 180.0),
    Patrol(((-300.0, 250.0), (150.0, 420.0), (500.0, 350.0)), 1.3, 97.0),
]


@pytest.mark.parametrize("motion", MOTIONS)
def test_position_agrees_with_course_and_speed(motion: Motion) -> None:
    step = 0.01
    corners = 0
    for second in range(0, 3000, 7):
        before, after = motion.at(float(second)), motion.at(second + step)
        east, north = after.east - before.east, after.north - before.north
        moved = math.hypot(east, north)
        assert moved <= before.speed_mps * step * 1.001
        off = abs(wrap_angle(math.degrees(math.atan2(east, north)) - before.course_deg))
        corners += off > 1.0 or moved < before.speed_mps * step * 0.999
    assert corners <= 1


@pytest.mark.parametrize("motion", MOTIONS)
def test_motion_comes_round(motion: Motion) -> None:
    distances = [
        math.hypot(motion.at(t).east - motion.at(0.0).east, motion.at(t).north - motion.at(0.0).north)
        for t in (float(second) for second in range(60, 2400))
    ]
    assert max(distances) > 300.0
    assert all(math.isfinite(distance) for distance in distances)
