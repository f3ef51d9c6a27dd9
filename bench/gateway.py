"""What the gateway costs, with everything on: authentication, limits, audit, metrics, traces, logs.

Passed on: a GET through the gateway (processor time of gateway and service) beside the same GET sent to the service
itself, in alternating rounds of one run. List: 200 entities from the live picture, whole and packed, while nothing
changes and while entities move; requests for each second of the gateway's processor, which is what one core can do.

    python bench/gateway.py [--rounds 16] [--requests 1000]
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from caller import ask
from report import Bar, finish, machine
from stream import entity
from summit_core.bus import Bus, WorldWriter
from summit_core.http import deadline
from summit_core.ids import passing_id
from summit_core.model import Principal, Role
from summit_core.observability import trace
from summit_core.security.service_key import PRINCIPAL_HEADER
from system import System, running

ENTITIES, OBSERVATIONS = 200, 300
MOVES_PER_S = 100
LIST = f"/v1/entities?limit={ENTITIES}"
UNLIMITED = json.dumps({"operator": "100000000/60"})
"""It is the cost of the limits that counts here, not what they refuse: every request is still counted."""
PASSED = ("one", "page", "sources")
BARS = (
    *(Bar(f"passed_on.{name}.ratio", 0, 2) for name in PASSED),
    *(Bar(f"list.{name}.per_core_s", 1_000, 1e9) for name in ("still", "moving", "still_packed")),
)


def cpu_s(pid: int) -> float:
    """Processor time of another process with all its threads, to the nanosecond (``clock_getcpuclockid(3)``)."""
    return time.clock_gettime(~pid << 3 | 2)


class Bench:
    def __init__(self, system: System, rounds: int, requests: int) -> None:
        self._rounds, self._requests = rounds, requests
        self.system = system
        self.gateway, self.fabric = system.endpoints["gateway"], system.endpoints["services"]["fabric"]
        roots = system.processes.roots()
        self._pids = {name: roots[name] for name in ("api-gateway", "fabric")}
        self.person = {"Authorization": f"Bearer {system.key}"}
        secrets = json.loads(next(system.state_dir.rglob("secrets.json")).read_text())
        principal = Principal(id="0123456789ab", name="bench", role=Role.ADMINISTRATOR)
        self.service = {
            "Authorization": f"Bearer {secrets['service_key']}",
            PRINCIPAL_HEADER: msgspec.json.encode(principal).decode(),
            "X-Request-Id": passing_id(),
            deadline.HEADER: "4900",
            trace.TRACEPARENT: trace.begun(None).header(),
        }
        """What every caller of a service sends: the same call, with the gateway left out."""

    async def cost(self, base: str, headers: dict[str, str], path: str) -> dict[str, float]:
        """Microseconds of processor time a request, of each process, and milliseconds until its answer."""
        before = {name: cpu_s(pid) for name, pid in self._pids.items()}
        answers = await ask(base, headers, path, self._requests)
        spent = {name: (cpu_s(pid) - before[name]) / len(answers) * 1e6 for name, pid in self._pids.items()}
        return spent | {"ms": statistics.median(one.seconds for one in answers) * 1e3, "bytes": len(answers[0].body)}

    async def passed_on(self, path: str) -> dict[str, float]:
        await self.cost(self.fabric, self.service, path)
        await self.cost(self.gateway, self.person, path)
        ratios, direct, behind, door = [], [], [], []
        for _ in range(self._rounds):
            straight = await self.cost(self.fabric, self.service, path)
            through = await self.cost(self.gateway, self.person, path)
            direct.append(straight["fabric"])
            behind.append(through["fabric"])
            door.append(through["api-gateway"])
            ratios.append((behind[-1] + door[-1]) / direct[-1])
        return {
            "bytes": straight["bytes"],
            "direct_us": round(statistics.median(direct), 1),
            "service_us": round(statistics.median(behind), 1),
            "gateway_us": round(statistics.median(door), 1),
            "ratio": round(statistics.median(ratios), 3),
            "worst_round": round(max(ratios), 3),
        }

    async def listed(self, headers: dict[str, str]) -> dict[str, float]:
        await self.cost(self.gateway, headers, LIST)
        rounds = [await self.cost(self.gateway, headers, LIST) for _ in range(self._rounds)]
        spent = statistics.median(one["api-gateway"] for one in rounds)
        return {
            "bytes": rounds[0]["bytes"],
            "gateway_us": round(spent, 1),
            "per_core_s": round(1e6 / spent),
            "ms": round(statistics.median(one["ms"] for one in rounds), 2),
        }


async def fill(bench: Bench, writer: WorldWriter) -> str:
    """Entities and observations; returns the id of one observation."""
    for number in range(ENTITIES):
        await writer.put("entities", f"bench-{number:03d}", entity(f"bench-{number:03d}", number), at=datetime.now(UTC))
    items = [
        {
            "kind": "report",
            "source": f"src-{number % 40}",
            "observed_at": datetime.now(UTC).isoformat(),
            "text": "smoke",
        }
        for number in range(OBSERVATIONS)
    ]
    async with aiohttp.ClientSession(headers=bench.person) as http, asyncio.timeout(60):
        async with http.post(f"{bench.gateway}/v1/observations", json=items) as response:
            assert response.status == 202, await response.text()
        while True:
            async with http.get(f"{bench.gateway}/v1/observations", params={"limit": 1000}) as response:
                found = (await response.json())["items"]
            async with http.get(f"{bench.gateway}{LIST}") as response:
                shown = len((await response.json())["items"])
            if len(found) >= OBSERVATIONS and shown == ENTITIES:
                return str(found[0]["id"])
            await asyncio.sleep(0.1)


@asynccontextmanager
async def moving(writer: WorldWriter) -> AsyncIterator[None]:
    """Entities that move, so many a second in all, while the body runs."""

    async def move() -> None:
        step = 0
        while True:
            key = f"bench-{step % ENTITIES:03d}"
            await writer.put("entities", key, entity(key, step), at=datetime.now(UTC))
            step += 1
            await asyncio.sleep(1 / MOVES_PER_S)

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def measure(bench: Bench) -> dict[str, Any]:
    bus = await Bus.connect(bench.system.endpoints["nats"], name="bench")
    try:
        writer = WorldWriter(bus, "bench")
        one = await fill(bench, writer)
        paths = {"one": f"/v1/observations/{one}", "page": "/v1/observations?limit=100", "sources": "/v1/sources"}
        passed = {name: await bench.passed_on(paths[name]) for name in PASSED}
        packed = bench.person | {"Accept-Encoding": "gzip"}
        listed = {"still": await bench.listed(bench.person), "still_packed": await bench.listed(packed)}
        async with moving(writer):
            listed |= {"moving": await bench.listed(bench.person), "moving_packed": await bench.listed(packed)}
    finally:
        await bus.close()
    return {"passed_on": passed, "list": listed}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--requests", type=int, default=1000, help="of a round")
    asked = parser.parse_args()
    facts = machine()
    os.environ["SUMMIT_LIMITS"] = UNLIMITED
    with running() as system:
        figures = asyncio.run(measure(Bench(system, asked.rounds, asked.requests)))
    return finish("gateway", {"machine": facts, **figures}, BARS)


if __name__ == "__main__":
    raise SystemExit(main())
