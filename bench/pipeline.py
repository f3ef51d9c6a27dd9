"""Throughput of the whole pipeline against raw JetStream publish and acknowledgement, in alternating rounds of one run.

Pipeline: a device's message is validated, recorded (rows in PostgreSQL), in the world model and, as a frame, at a
console that listens to the stream. A round ends when all of that is done for all of its messages. Processor time is
that of every process of the system (broker, database, five services, supervisor), not of load and console.

    python bench/pipeline.py [--observations 60000] [--rounds 3] [--doors nats,mqtt-one,mqtt-500]
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import asyncpg
import devices
import report
from console import Console
from devices import Fleet, Link, Message
from engine import Engine, frame
from report import Bar
from system import System, running

RAW_STREAM = "BENCH"
SINCE = "SELECT count(*) FROM observations WHERE t >= $1::text::timestamptz"
DEVICES = 500
RAW_AT_LEAST = 200_000
"""Messages of a raw round: fewer are over in a moment, and a moment says little."""
WAIT_S = 180.0
BARS = (Bar("doors.nats.ratio", 0.15, 9.0), Bar("doors.nats.cpu_us", 0.0, 30.0))
TARGETS = (Bar("doors.nats.ratio", 0.25, 9.0), Bar("doors.nats.cpu_us", 0.0, 18.0))
Door = Callable[[System, Sequence[Message]], int]


def by_nats(system: System, messages: Sequence[Message]) -> int:
    frames = [frame(message.subject, message.payload) for message in messages]
    with closing(Engine(system.endpoints["nats"])) as engine:
        return engine.publish(frames)


def by_one_mqtt_connection(system: System, messages: Sequence[Message]) -> int:
    return devices.by_one_connection(system.endpoints["mqtt"], messages)


def by_500_mqtt_devices(system: System, messages: Sequence[Message]) -> int:
    links = [Link(system.endpoints["mqtt"], f"bench-{number}") for number in range(DEVICES)]
    try:
        return devices.by_many_connections(links, messages)
    finally:
        for link in links:
            link.close()


DOORS: dict[str, Door] = {"nats": by_nats, "mqtt-one": by_one_mqtt_connection, "mqtt-500": by_500_mqtt_devices}


def raw_round(system: System, messages: Sequence[Message]) -> dict[str, float]:
    """The same payloads, again and again, into a stream of their own on the same broker: same store, same sync."""
    with closing(Engine(system.endpoints["nats"])) as engine:
        config = {"name": RAW_STREAM, "subjects": ["bench.>"], "storage": "file", "duplicate_window": 120_000_000_000}
        engine.request(f"$JS.API.STREAM.CREATE.{RAW_STREAM}", config)
        frames = [frame(f"bench.{message.subject}", message.payload) for message in messages]
        frames *= -(-RAW_AT_LEAST // len(frames))
        before, started = system.processes.cpu_s(), time.monotonic()
        acknowledged = engine.publish(frames)
        spent = time.monotonic() - started
        used = system.processes.cpu_s()["nats"] - before["nats"]
        engine.request(f"$JS.API.STREAM.DELETE.{RAW_STREAM}")
    assert acknowledged == len(frames)
    return {"per_s": round(acknowledged / spent), "cpu_us": round(1e6 * used / acknowledged, 2)}


async def pipeline_round(system: System, console: Console, door: Door, messages: Sequence[Message]) -> dict[str, Any]:
    console.await_all({message.device: message.at for message in messages})
    by_index = {"enable_seqscan": "off", "enable_bitmapscan": "off"}  # whatever statistics say of a table that grows
    connection = await asyncpg.connect(system.endpoints["postgres"], server_settings=by_index)
    before, started = system.processes.cpu_s(), time.time()
    acknowledged = await asyncio.to_thread(door, system, messages)
    accepted_at = time.time()
    recorded_at = await _recorded(connection, messages)
    seen_at, arrivals = await asyncio.to_thread(console.wait, WAIT_S)
    ended = max(recorded_at, seen_at)
    used = {name: 1e6 * (spent - before[name]) / len(messages) for name, spent in system.processes.cpu_s().items()}
    rows = await connection.fetchval(SINCE, messages[0].at)
    await connection.close()
    assert acknowledged == rows == len(messages), f"{acknowledged} acknowledged, {rows} rows of {len(messages)}"
    assert seen_at, "the console was not brought to the last state"
    return {
        "per_s": round(len(messages) / (ended - started)),
        "accepted_per_s": round(len(messages) / (accepted_at - started)),
        "recorded_per_s": round(len(messages) / (recorded_at - started)),
        "visible_per_s": round(len(messages) / (seen_at - started)),
        "frames": len(arrivals),
        "cpu_us": round(sum(used.values()), 2),
        "cpu_us_by_process": {name: round(value, 2) for name, value in sorted(used.items())},
    }


async def _recorded(connection: asyncpg.Connection, messages: Sequence[Message]) -> float:
    """When the last message of every device was visible to another transaction. They are asked for by their keys, the
    very last one first: the database's answers are part of what is measured. That all the others are there as well is
    counted when the measurement is over."""
    ends = {message.device: message for message in messages}.values()
    keys = [(datetime.fromisoformat(one.at), one.id) for one in ends]
    query = """SELECT count(*) FROM unnest($1::timestamptz[], $2::uuid[]) AS wanted(t, id), LATERAL
        (SELECT FROM observations AS o WHERE o.t = wanted.t AND o.id = wanted.id LIMIT 1) AS found"""
    deadline = time.monotonic() + WAIT_S
    for wanted in (keys[-1:], keys):
        at, identifiers = zip(*wanted, strict=True)
        while await connection.fetchval(query, at, identifiers) < len(wanted):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all recorded after {WAIT_S:.0f} s")
            await asyncio.sleep(0.02)
    return time.time()


async def measure(system: System, names: Sequence[str], observations: int, rounds: int) -> dict[str, Any]:
    """For each door rounds of raw and pipeline in turn; the first of each warms up and does not count."""
    console = Console(system.endpoints["gateway"], system.key)
    fleet = Fleet(DEVICES)
    figures: dict[str, Any] = {}
    for name in names:
        raw, ours = [], []
        for number in range(rounds + 1):
            count = observations if number else observations // 4
            raw.append(await asyncio.to_thread(raw_round, system, fleet.burst(count)))
            ours.append(await pipeline_round(system, console, DOORS[name], fleet.burst(count)))
            print(name, number, raw[-1], ours[-1], file=sys.stderr)
        figures[name] = _summary(raw[1:], ours[1:])
    console.close()
    return figures


def _summary(raw: list[dict[str, float]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    by_process = ours[0]["cpu_us_by_process"]
    return {
        "ratio": round(statistics.median(b["per_s"] / a["per_s"] for a, b in zip(raw, ours, strict=True)), 4),
        "pipeline_per_s": statistics.median(one["per_s"] for one in ours),
        "raw_per_s": statistics.median(one["per_s"] for one in raw),
        "cpu_us": round(statistics.median(one["cpu_us"] for one in ours), 2),
        "raw_cpu_us": round(statistics.median(one["cpu_us"] for one in raw), 2),
        "cpu_us_by_process": {
            name: round(statistics.median(one["cpu_us_by_process"][name] for one in ours), 2) for name in by_process
        },
        "rounds": {"raw": raw, "pipeline": ours},
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--observations", type=int, default=60_000, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--doors", default=",".join(DOORS))
    options = parser.parse_args()
    facts = report.machine()
    with running() as system:
        figures = asyncio.run(measure(system, options.doors.split(","), options.observations, options.rounds))
        memory = system.processes.memory_mb()
    result = {"machine": facts, "observations_a_round": options.observations, "doors": figures, "memory_mb": memory}
    return report.finish("pipeline", result, BARS, TARGETS)


if __name__ == "__main__":
    sys.exit(main())
