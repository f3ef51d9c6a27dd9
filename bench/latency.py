"""Latency at steady rates: a device publishes (MQTT, QoS 1) until the console has the frame, until the row is recorded.

1,000 devices, each on a connection of its own, at 0.2, 1 and 5 messages a second. Every observation counts: one that a
newer one of its device overtook is seen when that is seen. Recorded means visible to another transaction, asked every
3 ms for a sample (the processor time of PostgreSQL has these questions in it). Beside it the raw engine at the same
rate: JetStream publish until a push consumer has the message.

    python bench/latency.py [--seconds 15] [--rates 200,1000,5000]
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import asyncpg
import report
from console import Arrival, Console
from devices import Fleet
from engine import INBOX, REFUSED, Engine, RefusedError, frame
from flight import Flight, paced
from report import Bar
from system import System, running

DEVICES = 1_000
WARM_UP_S = 3.0
PROBES_A_S = 100
POLL_S = 0.003
WAIT_S = 60.0
BARS = (
    Bar("rates.1000.frame_p50_ms", 0.0, 5.0),
    Bar("rates.1000.frame_p99_ms", 0.0, 40.0),
    Bar("rates.1000.recorded_p99_ms", 0.0, 150.0),
    Bar("rates.1000.never_seen", 0, 0),
)


def raw(url: str, rate: float, seconds: float, pipe: Connection) -> None:
    """One publisher and one push consumer of the raw engine; sends the latencies, seconds, in order of publication."""
    fleet, stream, inbox = Fleet(DEVICES, "raw"), "BENCH", f"{INBOX}.pushed"
    sent: list[float] = []
    latencies: list[float] = []
    with closing(Engine(url)) as publisher, closing(Engine(url)) as consumer:
        publisher.request(f"$JS.API.STREAM.CREATE.{stream}", {"name": stream, "subjects": ["bench.>"]})
        consumer.socket.sendall(f"SUB {inbox} 2\r\n".encode())
        config = {"deliver_subject": inbox, "ack_policy": "none", "deliver_policy": "all"}
        publisher.request(f"$JS.API.CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})

        def send() -> None:
            message = fleet.next()
            sent.append(time.time())
            publisher.socket.sendall(frame(f"bench.{message.device}", message.payload))

        tail = b""

        def take() -> None:
            nonlocal tail
            data = tail + consumer.socket.recv(1 << 18)
            now, mark = time.time(), b'"observed_at"'
            latencies.extend(now - at for at in sent[len(latencies) : len(latencies) + data.count(mark)])
            tail = data[1 - len(mark) :]

        def forget() -> None:
            if REFUSED in (answer := publisher.socket.recv(1 << 18)):
                raise RefusedError(answer.decode(errors="replace"))  # it will never be pushed

        paced(rate, seconds, send, {consumer.socket: take, publisher.socket: forget})
        consumer.socket.settimeout(WAIT_S)
        while len(latencies) < len(sent):
            take()
        publisher.request(f"$JS.API.STREAM.DELETE.{stream}")
    pipe.send(latencies)


async def at_rate(system: System, console: Console, rate: float, seconds: float) -> dict[str, Any]:
    raw_s = await asyncio.to_thread(_answer_of, raw, system.endpoints["nats"], rate, min(seconds, 8.0))
    fleet = Fleet(DEVICES, f"rate{rate:g}")
    flight = await asyncio.to_thread(
        Flight, system.endpoints["mqtt"], fleet, rate, seconds + WARM_UP_S, probes_a_s=PROBES_A_S
    )
    console.await_all({})
    before, started = system.processes.cpu_s(), time.time()
    flight.begin()
    connection = await asyncpg.connect(system.endpoints["postgres"])
    recorded, sent = await _probe(connection, flight.pipe)
    used = {name: spent - before[name] for name, spent in system.processes.cpu_s().items()}
    await _until_recorded(connection, sent)
    await connection.close()
    flight.close()
    _, arrivals = await asyncio.to_thread(console.wait, 1.0)
    begin = started + WARM_UP_S
    seen = frame_latencies(sent, arrivals, begin)
    skip = int(len(raw_s) / 4)
    return {
        "observations": len(sent),
        "frames": len(arrivals),
        **_percentiles("frame", [one for one in seen if one is not None]),
        "never_seen": sum(one is None for one in seen),
        **_percentiles("recorded", [done - at for at, done in recorded if at >= begin]),
        **_percentiles("raw_engine", raw_s[skip:]),
        "cpu_us_by_process": {name: round(1e6 * spent / len(sent), 1) for name, spent in sorted(used.items())},
    }


def frame_latencies(sent: Sequence[tuple[str, str]], arrivals: Sequence[Arrival], begin: float) -> list[float | None]:
    """For each observation sent since ``begin``: until the first frame that shows it or a newer one of its device."""
    by_entity: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for arrival in arrivals:
        frames = by_entity[arrival.entity]
        if not frames or arrival.observed_at > frames[-1][0]:
            frames.append((arrival.observed_at, arrival.when))
    found: list[float | None] = []
    for device, at in sent:
        moment = _seconds(at)
        if moment >= begin:
            frames = by_entity[device]
            place = bisect_left(frames, (at, 0.0))
            found.append(frames[place][1] - moment if place < len(frames) else None)
    return found


async def _probe(connection: asyncpg.Connection, pipe: Connection) -> tuple[list[tuple[float, float]], Any]:
    """Ask for the sampled observations until each is there; returns (sent, recorded) of each, and all that was sent."""
    query = await connection.prepare(
        "SELECT id::text FROM observations WHERE t = ANY($1::timestamptz[]) AND id = ANY($2::text[]::uuid[])"
    )
    waiting: dict[str, datetime] = {}
    recorded: list[tuple[float, float]] = []
    sent = None
    while sent is None or waiting:
        while sent is None and pipe.poll():
            told = pipe.recv()
            if isinstance(told, list):
                sent = told
            else:
                waiting[told[1]] = datetime.fromisoformat(told[0])
        if waiting:
            rows = await query.fetch(list(waiting.values()), list(waiting))
            now = time.time()
            recorded += [(waiting.pop(row["id"]).timestamp(), now) for row in rows]
        await asyncio.sleep(POLL_S)
    return recorded, sent


async def _until_recorded(connection: asyncpg.Connection, sent: Sequence[tuple[str, str]]) -> None:
    deadline = time.monotonic() + WAIT_S
    query = "SELECT count(*) FROM observations WHERE t >= $1::text::timestamptz"
    while await connection.fetchval(query, sent[0][1]) < len(sent):
        if time.monotonic() > deadline:
            raise TimeoutError("not everything that was acknowledged is recorded")
        await asyncio.sleep(0.1)


def _answer_of(target: Callable[..., None], *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    answer = mine.recv()
    process.join()
    return answer


def _percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        f"{name}_p{percent}_ms": round(1e3 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2)
        for percent in (50, 99)
        if ordered
    }


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


async def measure(system: System, rates: Sequence[float], seconds: float) -> dict[str, Any]:
    console = Console(system.endpoints["gateway"], system.key)
    figures = {}
    for rate in rates:
        figures[f"{rate:g}"] = await at_rate(system, console, rate, seconds)
        print(rate, figures[f"{rate:g}"], file=sys.stderr)
    console.close()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15.0, help="at each rate, after the warm-up")
    parser.add_argument("--rates", default="200,1000,5000", help="observations a second")
    options = parser.parse_args()
    facts = report.machine()
    with running() as system:
        figures = asyncio.run(measure(system, [float(rate) for rate in options.rates.split(",")], options.seconds))
    return report.finish("latency", {"machine": facts, "devices": DEVICES, "rates": figures}, BARS)


if __name__ == "__main__":
    sys.exit(main())
