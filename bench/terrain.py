"""Sight lines over fractal ground of 30 m cells: viewsheds, rays, bands; JSON on stdout, exit 1 when a bar is missed.

Cost is processor time on one core. Agreement is with every single line of sight, looked at eight times a cell. Fires
stand on ground that the camera sees, evenly by range or by area; the azimuth errs by 1 degree, the elevation by 0.1.

    python bench/terrain.py [--seed 1] [--cases 300]
"""

import argparse
import math
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import Bar, finish, machine
from summit_core.geo import LocalFrame, distance_m
from summit_fusion.compiled import kernel
from summit_fusion.locate import SightLine, locate
from summit_fusion.terrain import Camera, Patch, Viewshed, band, cast, sharpen, viewshed
from summit_fusion.terrain.patch import ground
from summit_fusion.terrain.raycast import CURVATURE, Eye

LAT, LON, CELL_M = 44.0, 5.0, 30.0
SIGMA_DEG, ELEVATION_SIGMA_DEG = 1.0, 0.1
RANGE_M = 15_000.0


def hills(cells: int, seed: int, relief: float) -> Patch:
    """Noise with an amplitude that falls as the square of the frequency; ``relief`` is its standard deviation, m."""
    noise = np.random.default_rng(seed).normal(size=(cells, cells))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(cells), np.fft.fftfreq(cells)))
    frequency[0, 0] = 1.0
    made = np.fft.ifft2(np.fft.fft2(noise) / frequency**2).real
    return Patch.centred(LAT, LON, ((made - made.mean()) / made.std() * relief).astype(np.float32), CELL_M)


def on_top(terrain: Patch) -> Camera:
    """A tower of 20 m on the highest cell near the middle."""
    middle, around = terrain.heights.shape[0] // 2, 50
    part = terrain.heights[middle - around : middle + around, middle - around : middle + around]
    row, column = np.unravel_index(int(np.argmax(part)), part.shape)
    lat, lon = terrain.to_geodetic(np.array([[float(column), float(row)]]) + middle - around)
    return Camera(float(lat[0]), float(lon[0]), 20.0)


@kernel
def every_line(
    heights: NDArray[np.float32], column: float, row: float, altitude: float, reach: float, depth: NDArray[np.float32]
) -> None:
    for i in range(heights.shape[0]):
        for j in range(heights.shape[1]):
            away = math.hypot(i - row, j - column)
            if away > reach:
                continue
            s, z, deepest = away * 30.0, heights[i, j], 0.0
            for k in range(1, int(8.0 * away)):
                part = k / (8.0 * away)
                height = ground(heights, column + (j - column) * part, row + (i - row) * part)
                line = altitude + (z - altitude) * part - CURVATURE * s * part * s * (1.0 - part)
                deepest = max(deepest, (height - line) / part)
            depth[i, j] = deepest


def speed(seed: int) -> dict[str, float]:
    """A viewshed of 20 km, and rays from the same place; once before to compile."""
    terrain = hills(1361, seed, 200.0)
    camera = on_top(terrain)
    random = np.random.default_rng(seed)
    azimuth, elevation = random.uniform(0.0, 360.0, 200_000), random.uniform(-6.0, 0.0, 200_000)
    viewshed(terrain, camera, 300.0)
    cast(terrain, camera, azimuth[:10], elevation[:10], 20_000.0)
    began = time.process_time()
    view = viewshed(terrain, camera, 20_000.0)
    seen = time.process_time()
    ranges = cast(terrain, camera, azimuth, elevation, 20_000.0)
    done = time.process_time()
    return {
        "viewshed_20_km_cpu_s": round(seen - began, 4),
        "cells": int(np.isfinite(view.depth).sum()),
        "seen": round(float(view.seen()[np.isfinite(view.depth)].mean()), 4),
        "rays_per_cpu_s": round(len(ranges) / (done - seen)),
        "median_range_m": round(float(np.nanmedian(ranges))),
    }


def agreement(seed: int) -> dict[str, float]:
    """Of the cells of 5 km around a camera, over hills of three kinds."""
    same, error = [], []
    for number, relief in enumerate((30.0, 100.0, 300.0)):
        terrain = hills(461, 10 * seed + number, relief)
        camera = on_top(terrain)
        eye, exact = Eye.of(terrain, camera), np.full(terrain.heights.shape, np.inf, dtype=np.float32)
        every_line(terrain.heights, eye.column, eye.row, eye.altitude, 5_000.0 / CELL_M, exact)
        view = viewshed(terrain, camera, 5_000.0)
        known = np.isfinite(exact)
        same.append(float(((exact <= 0.01) == view.seen(0.01))[known].mean()))
        error.append(np.abs(view.depth[known] - exact[known]))
    return {
        "least_agreement": round(min(same), 4),
        "depth_error_median_m": round(float(np.median(np.concatenate(error))), 3),
        "depth_error_p99_m": round(float(np.quantile(np.concatenate(error), 0.99)), 2),
    }


def seen_fires(view: Viewshed, count: int, by_area: bool, random: np.random.Generator) -> NDArray[np.int64]:
    """Rows and columns of cells in sight, drawn evenly by area, or by range from the camera."""
    rows, columns = np.nonzero(view.seen())
    eye = Eye.of(view.terrain, view.camera)
    away = np.maximum(np.hypot(rows - eye.row, columns - eye.column), 5.0)
    odds = np.ones(len(rows)) if by_area else 1.0 / away
    picked = random.choice(len(rows), count if len(rows) else 0, p=odds / odds.sum() if len(rows) else None)
    return np.stack([rows[picked], columns[picked]], axis=1)


def angles(terrain: Patch, camera: Camera, row: int, column: int) -> tuple[float, float]:
    """True azimuth and elevation of the ground of a cell, degrees."""
    eye = Eye.of(terrain, camera)
    east, north = column - eye.column, row - eye.row
    s = math.hypot(east, north) * CELL_M
    slope = (float(terrain.heights[row, column]) - eye.altitude) / s - CURVATURE * s
    return math.degrees(math.atan2(east, north) - eye.north) % 360.0, math.degrees(math.atan(slope))


def bands(seed: int, cases: int) -> dict[str, float]:
    random, spent, figures = np.random.default_rng(seed), 0.0, {}
    for by_area in (False, True):
        held, lengths = 0, []
        for number in range(10):
            terrain = hills(1101, 100 * seed + number, (30.0, 150.0, 300.0)[number % 3])
            camera = on_top(terrain)
            view = viewshed(terrain, camera, RANGE_M)
            for row, column in seen_fires(view, cases // 10, by_area, random).tolist():
                azimuth, elevation = angles(terrain, camera, row, column)
                azimuth = (azimuth + random.normal(0.0, SIGMA_DEG)) % 360.0
                seen = (elevation + random.normal(0.0, ELEVATION_SIGMA_DEG), ELEVATION_SIGMA_DEG)
                began = time.process_time()
                found = band(terrain, camera, azimuth, SIGMA_DEG, seen, max_range_m=RANGE_M)
                spent += time.process_time() - began
                lat, lon = terrain.to_geodetic(np.array([[float(column), float(row)]]))
                held += found.contains(float(lat[0]), float(lon[0]))
                lengths.append(sum(one.far_m - one.near_m for one in found.intervals))
        name = "by_area" if by_area else "by_range"
        figures[f"covered_{name}"] = round(held / (cases // 10 * 10), 4)
        figures[f"length_median_{name}_m"] = round(float(np.median(lengths)))
    return figures | {"band_cpu_ms": round(500.0 * spent / cases, 3)}


def sharpened(seed: int, cases: int) -> dict[str, float]:
    """Two cameras within 30 degrees of one line with the fire: rms of bearings alone and with the terrain."""
    random, plain, better, squares = np.random.default_rng(seed), [], [], []
    for number in range(10):
        terrain = hills(1101, 200 * seed + number, (30.0, 150.0, 300.0)[number % 3])
        one = on_top(terrain)
        turn, away = random.uniform(0.0, 2.0 * math.pi), random.uniform(2_000.0, 4_000.0)
        here = terrain.plane.to_plane(np.array([one.lat]), np.array([one.lon]))
        lat, lon = terrain.plane.to_geodetic(here + away * np.array([[math.sin(turn), math.cos(turn)]]))
        two = Camera(float(lat[0]), float(lon[0]), 30.0)
        views = [viewshed(terrain, camera, 10_000.0) for camera in (one, two)]
        both = Viewshed(terrain, one, 10_000.0, np.maximum(views[0].depth, views[1].depth))
        for row, column in seen_fires(both, cases // 10, True, random).tolist():
            lines, ranges = [], []
            for camera in (one, two):
                azimuth, elevation = angles(terrain, camera, row, column)
                azimuth = (azimuth + random.normal(0.0, SIGMA_DEG)) % 360.0
                seen = (elevation + random.normal(0.0, ELEVATION_SIGMA_DEG), ELEVATION_SIGMA_DEG)
                lines.append(SightLine("", camera.lat, camera.lon, azimuth, SIGMA_DEG))
                ranges.append(band(terrain, camera, azimuth, SIGMA_DEG, seen, max_range_m=RANGE_M))
            crossing = abs((lines[0].azimuth_deg - lines[1].azimuth_deg + 180.0) % 360.0 - 180.0)
            fix = locate(lines)
            if crossing > 30.0 or not fix.hypotheses:
                continue
            fire = [float(value[0]) for value in terrain.to_geodetic(np.array([[float(column), float(row)]]))]
            after = sharpen(fix, ranges).hypotheses[0]
            plain.append(distance_m(fix.hypotheses[0].lat, fix.hypotheses[0].lon, fire[0], fire[1]))
            better.append(distance_m(after.lat, after.lon, fire[0], fire[1]))
            missed = np.array(LocalFrame(after.lat, after.lon).to_enu(*fire))
            squares.append(float(missed @ np.linalg.solve(np.array(after.cov_m2), missed)))
    rms = [float(np.sqrt(np.mean(np.square(errors)))) for errors in (plain, better)]
    return {
        "pairs": len(plain),
        "bearings_rms_m": round(rms[0]),
        "with_terrain_rms_m": round(rms[1]),
        "ratio": round(rms[1] / rms[0], 3),
        "ellipse_95_holds": round(float(np.mean(np.array(squares) < 5.991)), 3),
        "median_ratio": round(float(np.median(better) / np.median(plain)), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=300)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "seed": options.seed}
    result |= {"speed": speed(options.seed), "viewshed": agreement(options.seed)}
    result |= {"band": bands(options.seed, options.cases), "sharpen": sharpened(options.seed, options.cases)}
    bars = [
        Bar("speed.viewshed_20_km_cpu_s", 0.0, 1.0),
        Bar("speed.rays_per_cpu_s", 250_000, 1e12),
        Bar("viewshed.least_agreement", 0.99, 1.0),
        Bar("band.covered_by_range", 0.91, 1.0),
        Bar("band.covered_by_area", 0.91, 1.0),
        Bar("sharpen.ratio", 0.0, 0.7),
    ]
    return finish("terrain", result, bars, targets=[Bar("speed.rays_per_cpu_s", 500_000, 1e12)])


if __name__ == "__main__":
    sys.exit(main())
