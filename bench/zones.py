"""What zones cost and how much noise they keep out; JSON, exit 1 when a bar is missed.

Cost: versions of 5,000 moving entities from the bytes of the world stream to the proposed crossing, against 200 zones
in 50 by 50 km (polygons of 4 to 60 corners, some with a hole, circles, altitude bands, schedules, ten that move with
an entity). Writes are answered at once, so this is all that the process does besides talking to the broker. The
measure that holds on a busy machine is decoding the same entities whole, in alternating rounds.
Noise: an entity that rests on a boundary, with white noise of 5 m, by the rule and without one.

    python bench/zones.py [--updates 40000] [--entities 5000] [--zones 200]
"""

import argparse
import asyncio
import math
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import structlog
from msgspec import Raw
from report import Bar, finish, machine
from summit_core import wire
from summit_core.bus import Delivery
from summit_core.clock import SystemClock
from summit_core.geo import LocalFrame
from summit_core.ids import new_id
from summit_core.model import Entity, Location, WorldEvent, WorldType, Zone
from summit_core.observability.health import HealthMonitor
from summit_fabric.zones.presence import Held, Seen, Watch
from summit_fabric.zones.worker import ZoneWorker

CENTRE = LocalFrame(39.0, -121.0)
T0 = datetime(2026, 7, 3, 12, tzinfo=UTC)
HALF_M = 25_000.0
ANCHORED, REST_COUNT, ROUND = 10, 50_000, 5_000
BARS = (
    Bar("cost.times_a_full_decoding", 0, 8),
    Bar("cost.define_ms", 0, 50),
    Bar("cost.crossings", 100, 1e9),
    Bar("noise.crossings_by_the_rule", 0, 10),
)
TARGETS = (Bar("cost.us_per_update", 0, 20),)
"""Absolute, so it holds on a machine that nobody else is using."""


class Writer:
    """Answers at once."""

    count = 0

    async def put(self, *_: Any, **__: Any) -> int:
        self.count += 1
        return 10**9 + self.count


class Nothing:
    """Stands for the broker and the mirror, which are not asked here."""

    def __init__(self) -> None:
        self.on_reset: list[Any] = []


def place(east: float, north: float) -> tuple[float, float]:
    lat, lon = CENTRE.to_geodetic(east, north)
    return lon, lat


def ring(random: np.random.Generator, east: float, north: float, radius: float) -> list[tuple[float, float]]:
    corners = int(random.integers(4, 61))
    sizes = radius * random.uniform(0.6, 1.0, corners)
    angles = 2 * math.pi * np.arange(corners) / corners
    points = [
        place(east + size * math.cos(angle), north + size * math.sin(angle))
        for size, angle in zip(sizes.tolist(), angles.tolist(), strict=True)
    ]
    return [*points, points[0]]


def make_zone(random: np.random.Generator, number: int) -> Zone:
    (east, north), radius = random.uniform(-HALF_M, HALF_M, 2).tolist(), float(10 ** random.uniform(2.3, 3.7))
    stated: dict[str, Any] = {"id": f"z{number}", "name": f"z{number}", "rule": "exclusion"}
    stated |= {"created_at": T0, "updated_at": T0, "dwell_s": 60.0}
    lon, lat = place(east, north)
    if number % 3 == 0:
        stated["circle"] = {"lat": lat, "lon": lon, "radius_m": radius}
    else:
        rings = [ring(random, east, north, radius)]
        rings += [ring(random, east, north, 0.3 * radius)] if number % 5 == 0 else []
        stated["geometry"] = {"type": "Polygon", "coordinates": rings}
    if number < ANCHORED:
        stated |= {"anchor": f"e{number}", "anchor_at": (lon, lat)}
    if number % 7 == 0:
        stated["schedule"] = [{"daily": {"begins": "06:00", "ends": "22:00"}}]
    if number % 4 == 0:
        stated |= {"floor_m": 50.0, "ceiling_m": 400.0}
    return wire.decode(wire.encode(stated), Zone)


def delivery(type_: WorldType, key: str, body: object, seq: int, at: datetime) -> Delivery:
    event = WorldEvent(id=new_id(), type=type_, key=key, op="upsert", source="b", at=at, body=Raw(wire.encode(body)))
    reply = f"$JS.ACK.WORLD.bench.1.{seq}.{seq}.{int(at.timestamp() * 1e9)}.0"
    return Delivery(f"world.{type_}.{key}", wire.encode(event), reply)


def updates(random: np.random.Generator, entities: int, number: int, first: int) -> list[Delivery]:
    """Every entity in turn, one step a second at up to 30 m/s."""
    places = random.uniform(-HALF_M, HALF_M, (entities, 2))
    speeds = random.normal(0.0, 12.0, (entities, 2))
    made = []
    for index in range(number):
        one, second = index % entities, index // entities
        lon, lat = place(*(places[one] + second * speeds[one] + random.normal(0.0, 5.0, 2)).tolist())
        at = T0 + timedelta(seconds=second)
        where = Location(lat=lat, lon=lon, alt_m=120.0, cov_m2=((25.0, 0.0), (0.0, 25.0)))
        entity = Entity(
            id=f"e{one}",
            kind="asset",
            owner="b",
            observed_at=at,
            heard_at=at,
            updated_at=at,
            location=where,
            causes=("c",),
        )
        made.append(delivery("entities", entity.id, entity, first + index, at))
    return made


async def measure_cost(entities: int, zones: int, number: int) -> dict[str, float]:
    random = np.random.default_rng(1)
    nothing: Any = Nothing()
    writer: Any = Writer()
    worker = ZoneWorker(nothing, nothing, writer, SystemClock(), HealthMonitor())
    watch = worker.watch = Watch()
    drawn = [make_zone(random, index) for index in range(zones)]
    await worker.handle([delivery("zones", zone.id, zone, index + 1, T0) for index, zone in enumerate(drawn)])
    todo = updates(random, entities, entities + number, zones + 1)
    await worker.handle(todo[:entities])  # everybody's first position is no movement
    before, rounds = sum(map(len, watch.inside.values())), []
    for start in range(entities, len(todo), ROUND):
        part = todo[start : start + ROUND]
        started = time.process_time()
        for first in range(0, len(part), 500):
            await worker.handle(part[first : first + 500])
        spent, started = time.process_time() - started, time.process_time()
        for one in part:
            msgspec.json.decode(msgspec.json.decode(one.data, type=WorldEvent).body, type=Entity)
        decoding = time.process_time() - started
        rounds.append((spent / len(part) * 1e6, spent / decoding))
    again = delivery("zones", drawn[50].id, drawn[50], watch.seq + 1, T0 + timedelta(hours=1))
    started = time.process_time()
    await worker.handle([again])
    written = writer.count
    return {
        "us_per_update": round(statistics.median(spent for spent, _ in rounds), 2),
        "us_per_update_best_round": round(min(spent for spent, _ in rounds), 2),
        "times_a_full_decoding": round(statistics.median(ratio for _, ratio in rounds), 2),
        "define_ms": round((time.process_time() - started) * 1e3, 2),
        "crossings": written,
        "inside_at_start": before,
    }


def measure_noise() -> dict[str, int]:
    random = np.random.default_rng(2)
    lon, lat = place(0.0, 0.0)
    circle = {"lat": lat, "lon": lon, "radius_m": 500.0}
    base = {"id": "z", "name": "z", "rule": "exclusion", "created_at": T0, "updated_at": T0, "circle": circle}
    watch, written, naive, inside = Watch(), 0, 0, False
    watch.define(wire.decode(wire.encode(base), Zone), 0, T0)
    for seq in range(1, REST_COUNT + 1):
        east, north = random.normal((500.0, 0.0), 5.0).tolist()
        lon, lat = place(east, north)
        for crossing in watch.see(
            Seen(seq=seq, id="e", kind="asset", observed_at=T0, updated_at=T0, lat=lat, lon=lon, sigma_m=5.0)
        ):
            written += 1
            watch.commit(Held(crossing.presence, 10**9 + written))
        naive, inside = naive + (inside != (math.hypot(east, north) < 500.0)), math.hypot(east, north) < 500.0
    return {"positions": REST_COUNT, "crossings_by_the_rule": written, "crossings_without_a_rule": naive}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=40_000)
    parser.add_argument("--entities", type=int, default=5_000)
    parser.add_argument("--zones", type=int, default=200)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    cost = asyncio.run(measure_cost(asked.entities, asked.zones, asked.updates))
    return finish("zones", {"machine": machine(), **vars(asked), "cost": cost, "noise": measure_noise()}, BARS, TARGETS)


if __name__ == "__main__":
    sys.exit(main())
