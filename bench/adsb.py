"""Recorded flights as a sensor without identities would see them: resampled, with noise and drop-outs by a seed.

Reads the JSON of the `traffic` library (a list of states, gzip or not) and traces of readsb. A recording is thinned to
a state each 10 to 60 seconds and says nothing for minutes or hours where nobody heard the aircraft. Between two states
at most ``gap_s`` apart the flight is the cubic Hermite curve through their places and velocities. Across a longer gap
nothing tells without an identity that it is the same aircraft: what comes after it is another target here (a flight
with hours on the ground as well).
"""

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOOT_M, KNOT_MPS, RADIUS_M = 0.3048, 0.514444, 6_371_008.8
LEAST_S = 30.0
"""A part that is shorter tells nothing of how well it was kept."""
GROUND_MPS = 25.0
"""Slower than this an aircraft taxis or stands."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to a recording. ``every_s``: a report of each aircraft; ``sigma_m``, ``alt_sigma_m``: noise of each
    component of the place and of the height; ``drop``: share of the reports that get lost one by one; ``burst_every_s``
    and ``burst_s``: mean time between losses of everything of an aircraft, and how long these last."""

    every_s: float = 5.0
    gap_s: float = 120.0
    sigma_m: float = 30.0
    alt_sigma_m: float = 30.0
    drop: float = 0.1
    burst_every_s: float = 1800.0
    burst_s: tuple[float, float] = (30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Reports:
    """In the order of time: seconds, the part of a flight it is of, true place east and north (n, 2), measured place
    and height, metres. Only those that were not lost."""

    at: Floats
    part: Ints
    true: Floats
    z: Floats
    alt: Floats


def flights(path: Path) -> Iterator[Floats]:
    """Each aircraft of a file: (n, 6) seconds, latitude, longitude, height in metres, east and north velocity."""
    raw = path.read_bytes()
    content = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    if isinstance(content, dict):
        yield _rows([_trace_row(row, content["timestamp"]) for row in content["trace"]])
        return
    states: dict[str, list[tuple[Any, ...]]] = {}
    for row in content:
        states.setdefault(row["icao24"], []).append(
            (
                row["timestamp"] / 1e3,
                row["latitude"],
                row["longitude"],
                row["altitude"],
                row["groundspeed"],
                row["track"],
            )
        )
    for _, rows in sorted(states.items()):
        yield _rows(rows)


def _trace_row(row: list[Any], begin: float) -> tuple[Any, ...]:
    """readsb: seconds after the time of the file, latitude, longitude, feet or "ground", knots, degrees, …"""
    return begin + row[0], row[1], row[2], 0.0 if row[3] == "ground" else row[3], row[4], row[5]


def _rows(rows: list[tuple[Any, ...]]) -> Floats:
    known = np.array(sorted(row for row in rows if None not in row), float).reshape(-1, 6)
    known = known[np.diff(known[:, 0], prepend=-np.inf) > 0.0]
    speed, track = known[:, 4] * KNOT_MPS, np.radians(known[:, 5])
    return np.column_stack(
        [known[:, :3], known[:, 3] * FOOT_M, speed * np.sin(track), speed * np.cos(track)]
    )[speed > GROUND_MPS]  # fmt: skip


def plane(lat: Floats, lon: Floats, centre: tuple[float, float]) -> Floats:
    """Azimuthal equidistant projection (n, 2), metres: right to 1 % in every direction within 1,500 km, which is enough
    for a tracker that looks at differences of place alone."""
    phi, dlon, phi0 = np.radians(lat), np.radians(lon - centre[1]), math.radians(centre[0])
    cosine = math.sin(phi0) * np.sin(phi) + math.cos(phi0) * np.cos(phi) * np.cos(dlon)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    scale = RADIUS_M / np.sinc(angle / math.pi)
    north = math.cos(phi0) * np.sin(phi) - math.sin(phi0) * np.cos(phi) * np.cos(dlon)
    return np.stack([scale * np.cos(phi) * np.sin(dlon), scale * north], 1)


def reports(path: Path, harm: Harm, seed: int) -> Reports:
    """The recording, harmed; every aircraft reports at its own phase."""
    random, columns, part = np.random.default_rng(seed), list[Floats](), 0
    whole = list(flights(path))
    centre = tuple(np.median(np.concatenate(whole)[:, 1:3], axis=0).tolist())
    for rows in whole:
        place = plane(rows[:, 1], rows[:, 2], centre)
        cuts = np.flatnonzero(np.diff(rows[:, 0]) > harm.gap_s) + 1
        for piece in np.split(np.arange(len(rows)), cuts):
            if len(piece) < 2 or rows[piece[-1], 0] - rows[piece[0], 0] < LEAST_S:
                continue
            at = np.arange(rows[piece[0], 0] + random.random() * harm.every_s, rows[piece[-1], 0], harm.every_s)
            kept = heard(at, harm, random)
            true, alt = curve(rows[piece, 0], place[piece], rows[piece, 4:], at), np.interp(at, rows[:, 0], rows[:, 3])
            columns.append(np.column_stack([at, np.full(len(at), part), true, alt])[kept])
            part += 1
    rows = np.concatenate(columns)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    z = rows[:, 2:4] + random.normal(0.0, harm.sigma_m, (len(rows), 2))
    alt = rows[:, 4] + random.normal(0.0, harm.alt_sigma_m, len(rows))
    return Reports(rows[:, 0] - rows[0, 0], rows[:, 1].astype(np.int64), rows[:, 2:4], z, alt)


def heard(at: Floats, harm: Harm, random: np.random.Generator) -> NDArray[np.bool_]:
    heard = random.random(len(at)) >= harm.drop
    if len(at) and math.isfinite(harm.burst_every_s):
        for begin in random.uniform(at[0], at[-1], random.poisson((at[-1] - at[0]) / harm.burst_every_s)):
            heard &= (at < begin) | (at > begin + random.uniform(*harm.burst_s))
    return heard


def curve(times: Floats, place: Floats, velocity: Floats, at: Floats) -> Floats:
    """Cubic Hermite curve through places (n, 2) with velocities (n, 2), at times within the first and the last."""
    k = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    span = (times[k + 1] - times[k])[:, None]
    u = (at[:, None] - times[k][:, None]) / span
    found: Floats = (
        (2 * u**3 - 3 * u**2 + 1) * place[k]
        + (u**3 - 2 * u**2 + u) * span * velocity[k]
        + (3 * u**2 - 2 * u**3) * place[k + 1]
        + (u**3 - u**2) * span * velocity[k + 1]
    )
    return found


def identity_f1(truth: Ints, owner: Ints) -> float:
    """IDF1 of labelled reports: twice those whose track is the one matched to their target, through both sums. Targets
    and tracks are matched by falling overlap, which is at most as good as the best matching."""
    shared = Counter((a, b) for a, b in zip(truth.tolist(), owner.tolist(), strict=True) if b >= 0)
    taken, right = (set[int](), set[int]()), 0
    for (a, b), count in shared.most_common():
        if a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
            right += count
    return 2.0 * right / (len(truth) + int((owner >= 0).sum()))
