"""What the stream costs: in the hub per change, and over real sockets per delivered frame.

In the hub: processor time of one change for 1, 100 and 1,000 clients that want the same, and that want each a box of
their own. Over sockets: a whole system, 100 and 1,000 WebSocket subscribers, entities that move.

    python bench/stream.py [--seconds 6] [--only hub|sockets]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Raw
from report import Bar, finish, machine
from subscribers import Heard, Subscribers
from summit_core.bus import Bus, Change, WorldWriter
from summit_core.clock import SystemClock
from summit_core.model import Entity, Kinematics, Location, WorldEvent
from summit_core.wire import encode
from summit_gateway.stream.client import Client
from summit_gateway.stream.filter import Filter
from summit_gateway.stream.hub import Hub
from summit_gateway.stream.view import View
from system import System, running

ENTITIES, ROUNDS = 500, 4
BARS = (
    Bar("hub.same.1000.us_per_change_and_client", 0, 2),
    Bar("hub.shared.encodes_per_change", 1, 1),
    Bar("sockets.json_100.cpu_us_per_frame", 0, 60),
    Bar("sockets.json_1000.cpu_us_per_frame", 0, 80),
    Bar("sockets.json_100.missing", 0, 0),
    Bar("sockets.json_1000.missing", 0, 0),
)
ViewOf = Callable[[int], View]
VIEWS: dict[str, ViewOf] = {
    "same": lambda number: View(Filter(types=("entities",))),
    "same_box": lambda number: View(Filter(bbox=(0.0, 0.0, 10.0, 10.0))),
    "same_fields": lambda number: View(fields=("id", "kind", "location")),
    "same_binary": lambda number: View(binary=True),
    "own_box": lambda number: View(Filter(bbox=(0.0, 0.0, 10.0, 0.01 + 0.009 * number))),
    "own_source": lambda number: View(Filter(source=(f"s-{number}",))),
}


def entity(key: str, step: int) -> Entity:
    now = datetime.now(UTC)
    return Entity(
        id=key,
        kind="track",
        owner="bench",
        observed_at=now,
        heard_at=now,
        updated_at=now,
        label=f"Track {key}",
        class_="person",
        existence=0.98,
        classes={"person": 0.9, "animal": 0.1},
        sources=("camera-1", "camera-2", "radar-1"),
        location=Location(lat=step % 100 / 10, lon=5.0, alt_m=120.0, cov_m2=((25.0, 1.0), (1.0, 16.0))),
        kinematics=Kinematics(speed_mps=1.5, course_deg=45.0, velocity_enu_mps=(1.06, 1.06)),
    )


def changes(begin: int, count: int) -> Iterator[Change]:
    for seq in range(begin, begin + count):
        key = f"trk-{seq % ENTITIES}"
        body = Raw(encode(entity(key, seq // 7)))
        at = datetime.now(UTC)
        event = WorldEvent(id="", type="entities", key=key, op="upsert", source="bench", at=at, body=body)
        yield Change(seq, event)


def hub_cost(view_of: ViewOf, clients: int) -> float:
    """Microseconds of processor time that one change takes, the median of some rounds; clients read in between."""
    hub = Hub(SystemClock(), later=lambda seconds, function: None)
    for change in changes(1, ENTITIES):
        hub.take(change)
    readers: list[Client] = [hub.snapshot(view_of(number))[0] for number in range(clients)]
    spent = []
    for number in range(ROUNDS):
        batch = list(changes(1 + ENTITIES * (number + 1), 100))
        begin = time.process_time()
        for change in batch:
            hub.take(change)
        spent.append((time.process_time() - begin) / len(batch) * 1e6)
        for reader in readers:
            reader.take(hub.seq)
    return statistics.median(spent)


def shared() -> dict[str, float]:
    """How many texts 1,000 clients get for one change: it is encoded once."""
    hub = Hub(SystemClock())
    readers = [hub.snapshot(View(Filter(types=("entities",)), ("id", "location")))[0] for _ in range(1000)]
    (change,) = changes(1, 1)
    hub.take(change)
    texts = {id(reader.take(hub.seq).frames[0].data) for reader in readers}
    return {"encodes_per_change": len(texts)}


def in_hub() -> dict[str, Any]:
    figures: dict[str, Any] = {"shared": shared()}
    for name, view_of in VIEWS.items():
        costs = {str(clients): hub_cost(view_of, clients) for clients in (1, 100, 1000)}
        figures[name] = {
            clients: {"us_per_change": round(cost, 1), "us_per_change_and_client": round(cost / int(clients), 3)}
            for clients, cost in costs.items()
        }
    return figures


async def over_sockets(system: System, query: Callable[[int], str], clients: int, rate: float, seconds: float) -> Any:
    """Entities move at ``rate`` a second in all; JSON subscribers of everything get each change."""
    bus = await Bus.connect(system.endpoints["nats"], name="bench")
    writer = WorldWriter(bus, "bench")
    subscribers = await asyncio.to_thread(
        Subscribers, system.endpoints["gateway"], system.key, [query(number) for number in range(clients)]
    )
    try:
        await asyncio.to_thread(subscribers.mark)
        cpu, begin = system.processes.cpu_s()["api-gateway"], time.monotonic()
        sent = 0
        while sent < rate * seconds:
            key = f"bench-{sent % 50}"
            await writer.put("entities", key, entity(key, sent), at=datetime.now(UTC))
            sent += 1
            await asyncio.sleep(max(0.0, begin + sent / rate - time.monotonic()))
        heard = await _all_of(subscribers, sent * clients if query(0) == "" else None)
        cpu = system.processes.cpu_s()["api-gateway"] - cpu
    finally:
        await asyncio.to_thread(subscribers.close)
        await bus.close()
    ages = sorted(heard.ages)
    return {
        "clients": clients,
        "changes": sent,
        "news": heard.news,
        "frames": heard.frames,
        "missing": max(0, sent * clients - heard.news) if "?" not in query(0) else None,
        "bytes_of_news": round(heard.size / max(1, heard.news)),
        "cpu_us_per_frame": round(cpu / max(1, heard.frames) * 1e6, 1),
        "cpu_us_per_change_and_client": round(cpu / sent / clients * 1e6, 2),
        "age_p50_ms": round(ages[len(ages) // 2] * 1000, 1) if ages else None,
        "age_p99_ms": round(ages[int(len(ages) * 0.99)] * 1000, 1) if ages else None,
        "gateway_mb": system.processes.memory_mb()["api-gateway"],
    }


async def _all_of(subscribers: Subscribers, expected: int | None) -> Heard:
    """What arrived, once it is as much as expected, or no more comes."""
    news = -1
    while True:
        heard = await asyncio.to_thread(subscribers.result)
        if heard.news in (expected, news):
            return heard
        news = heard.news
        await asyncio.sleep(0.9)


async def sockets(seconds: float) -> dict[str, Any]:
    with running() as system:

        async def run(query: Callable[[int], str], clients: int, rate: float) -> Any:
            return await over_sockets(system, query, clients, rate, seconds)

        return {
            "json_100": await run(lambda number: "", 100, 50),
            "json_1000": await run(lambda number: "", 1000, 5),
            "own_box_1000": await run(lambda number: f"?bbox=0,0,10,{0.01 + 0.009 * number:.3f}", 1000, 5),
            "binary_100": await run(lambda number: "?format=binary", 100, 100),
            "binary_1000": await run(lambda number: "?format=binary", 1000, 10),
        }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--only", choices=["hub", "sockets"])
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine()}
    if options.only != "sockets":
        result["hub"] = in_hub()
    if options.only != "hub":
        result["sockets"] = asyncio.run(sockets(options.seconds))
    if options.only:
        print(json.dumps(result, indent=1))
        return 0
    return finish("stream", result, BARS)


if __name__ == "__main__":
    sys.exit(main())
