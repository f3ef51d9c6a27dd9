"""What hangs holds up nobody else: other routes of a real gateway process while something beside them stalls.

A second gateway of a running system, whose fabric and whose shared counts (Redis) are servers of this bench: they
answer, take connections and stay silent, or break every one. Then clients that send their header byte by byte, that
read nothing of what they asked for, and 10,000 idle connections. Meanwhile another process asks 100 times a second for
a list of entities, which is counted, recorded and limited as any; its p99 is the figure.

    python bench/stalls.py [--seconds 6] [--idle 10000]
"""

import argparse
import asyncio
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from caller import Answer, Caller
from gateway import ENTITIES, LIST, UNLIMITED
from report import Bar, finish, machine
from stream import entity
from summit_core.bus import Bus, WorldWriter
from system import System, free_port, running

PATH, BEHIND = "/v1/entities?limit=20", "/v1/sources"
PER_S, CALLERS, WINDOW_S = 100, 50, 1.0
PAUSE_S = 0.2
"""They come again five times as soon as Retry-After tells them."""
SLOW, DEAF = 200, 100
CASES = ("redis_hangs", "upstream_hangs", "upstream_dead", "slow_headers", "deaf_readers", "idle")
BARS = (
    *(Bar(f"{case}.p99_ms", 0, 50) for case in CASES),
    *(Bar(f"{case}.failed", 0, 0) for case in CASES),
    Bar("upstream_dead.probes_per_window", 0, 1),
    Bar("idle.held", 10_000, 1e9),
    Bar("slow_headers.closed_after_s", 0, 35),
)


class Stalling:
    """A server that takes every connection and then does what it is told: ``hang`` or ``reset``."""

    def __init__(self) -> None:
        self.mode = "hang"
        self.taken = 0
        self.port = free_port()
        self._held: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, backlog=1024)

    async def _take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        if self.mode == "reset":
            writer.transport.abort()
        else:
            self._held.add(writer)

    async def close(self) -> None:
        self._server.close()
        for writer in self._held:
            writer.transport.abort()


class Gateway:
    """A gateway process of its own in a running system."""

    def __init__(self, system: System, fabric: Stalling, redis: Stalling | None) -> None:
        secrets = json.loads((system.state_dir / "secrets.json").read_text())
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = system.state_dir / "logs" / f"bench-gateway-{port}.log"
        others = {f"SUMMIT_{name.upper()}_URL": url for name, url in system.endpoints["services"].items()}
        own = {
            "SUMMIT_NATS_URL": system.endpoints["nats"],
            "SUMMIT_DATABASE_URL": system.endpoints["postgres"],
            "SUMMIT_SERVICE_KEY": secrets["service_key"],
            "SUMMIT_SESSION_SECRET": secrets["session"],
            "SUMMIT_ADMIN_KEY_FILE": str(system.state_dir / "admin.key"),
            "SUMMIT_PORT": str(port),
            "SUMMIT_FABRIC_URL": f"http://127.0.0.1:{fabric.port}",
        }
        if redis is not None:
            own["SUMMIT_LIMITS_URL"] = f"redis://127.0.0.1:{redis.port}/0"
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "summit_gateway"]
            self._process = subprocess.Popen(command, env={**os.environ, **others, **own}, stdout=log, stderr=log)

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError, EOFError):
                    async with Caller(self.url, {}) as caller:
                        if (await caller.get("/readyz")).status == 200:
                            return
                await asyncio.sleep(0.1)

    def memory_mb(self) -> float:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return round(int(text.partition("VmRSS:")[2].split()[0]) / 1024, 1)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def _steady(url: str, key: str, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each answer, and how many were none or not 200. Each is asked when it is due, whatever became of
    those before it."""
    free: list[Caller] = []
    async with AsyncExitStack() as stack:

        async def one() -> Answer | None:
            caller = free.pop() if free else await stack.enter_async_context(Caller(url, headers))
            with suppress(OSError, EOFError):
                answer = await caller.get(PATH)
                free.append(caller)
                return answer
            return None

        headers = {"Authorization": f"Bearer {key}"}
        begin, tasks = time.monotonic(), []
        for number in range(int(seconds * PER_S)):
            await asyncio.sleep(max(0.0, begin + number / PER_S - time.monotonic()))
            tasks.append(asyncio.create_task(one()))
        answers = await asyncio.gather(*tasks)
        good = [answer.seconds * 1e3 for answer in answers if answer is not None and answer.status == 200]
        return good, len(answers) - len(good)


def steady(url: str, key: str, seconds: float) -> tuple[list[float], int]:
    """In a process of its own, so that what stalls here delays no question there."""
    return asyncio.run(_steady(url, key, seconds))


class Bench:
    def __init__(self, system: System, pool: ProcessPoolExecutor, seconds: float, idle: int) -> None:
        self.key, self._pool, self._seconds, self._idle = system.key, pool, seconds, idle

    async def others(self, gateway: Gateway) -> dict[str, float]:
        """What the other routes do for some seconds."""
        loop = asyncio.get_running_loop()
        good, failed = await loop.run_in_executor(self._pool, steady, gateway.url, self.key, self._seconds)
        good.sort()
        return {
            "p50_ms": round(good[len(good) // 2], 1),
            "p99_ms": round(good[len(good) * 99 // 100], 1),
            "worst_ms": round(good[-1], 1),
            "answers": len(good),
            "failed": failed,
        }

    async def callers(self, gateway: Gateway, fabric: Stalling, mode: str) -> dict[str, Any]:
        """50 callers, one call after the other, of routes whose service stalls; how often that was asked meanwhile."""
        fabric.mode = mode
        statuses: dict[str, int] = {}

        async def call() -> None:
            while True:
                with suppress(OSError, EOFError):
                    async with Caller(gateway.url, {"Authorization": f"Bearer {self.key}"}) as caller:
                        while True:
                            status = str((await caller.get(BEHIND)).status)
                            statuses[status] = statuses.get(status, 0) + 1
                            await asyncio.sleep(PAUSE_S)

        tasks = [asyncio.create_task(call()) for _ in range(CALLERS)]
        try:
            await asyncio.sleep(7.0 if mode == "hang" else 1.0)  # until the breaker is open
            taken, begin = fabric.taken, time.monotonic()
            figures = await self.others(gateway)
            windows = (time.monotonic() - begin) / WINDOW_S
            probes = fabric.taken - taken
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        asked = {"callers": CALLERS, "statuses": dict(sorted(statuses.items())), "probes": probes}
        return figures | asked | {"probes_per_window": round(probes / (windows + 1), 2)}

    async def slow_headers(self, gateway: Gateway) -> dict[str, Any]:
        """A byte a second, for longer than the others are looked at: one of them until it is closed."""
        async with connections(gateway, SLOW) as opened:
            begin = time.monotonic()

            async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
                with suppress(OSError):
                    for byte in b"GET /v1/entities HTTP/1.1\r\nX-Slow: " + b"a" * 100:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        with suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(1000), 1.0)
                            break
                return time.monotonic() - begin

            drips = [asyncio.create_task(drip(*one)) for one in opened]
            figures = await self.others(gateway)
            ended = await asyncio.gather(*drips)
        return figures | {"connections": SLOW, "closed_after_s": round(max(ended), 1)}

    async def deaf_readers(self, gateway: Gateway) -> dict[str, Any]:
        """They ask again and again, and read nothing."""
        asked = f"GET {LIST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n\r\n".encode()
        async with connections(gateway, DEAF, receive_bytes=4096) as opened:

            async def ask() -> None:
                for _, writer in opened:
                    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport does
                    writer.write(asked * 2)
                    await asyncio.sleep(self._seconds / 2 / DEAF)

            asking = asyncio.create_task(ask())
            figures = await self.others(gateway)
            await asking
            return figures | {"connections": DEAF, "memory_mb": gateway.memory_mb()}

    async def idle(self, gateway: Gateway) -> dict[str, Any]:
        before = gateway.memory_mb()
        async with connections(gateway, self._idle) as opened:
            figures = await self.others(gateway)
            held = sum(not reader.at_eof() for reader, _ in opened)
            memory = {"memory_mb": gateway.memory_mb(), "memory_mb_before": before}
        return figures | memory | {"held": held}


@asynccontextmanager
async def connections(
    gateway: Gateway, count: int, *, receive_bytes: int | None = None
) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """From a few addresses, as one has no more than 28,000 ports."""
    host, port = gateway.url.removeprefix("http://").split(":")
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one(number: int) -> None:
        client = socket.socket()
        client.setblocking(False)
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.bind((f"127.0.0.{2 + number % 8}", 0))
        await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
        opened.append(await asyncio.open_connection(sock=client))

    try:
        for first in range(0, count, 200):
            await asyncio.gather(*(one(number) for number in range(first, min(count, first + 200))))
        yield opened
    finally:
        for _, writer in opened:
            linger = struct.pack("ii", 1, 0)  # gone at once, without ports that wait
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


async def measure(bench: Bench, system: System) -> dict[str, Any]:
    bus = await Bus.connect(system.endpoints["nats"], name="bench")
    for number in range(ENTITIES):
        await WorldWriter(bus, "bench").put("entities", f"b-{number}", entity(f"b-{number}", 0), at=datetime.now(UTC))
    await bus.close()
    fabric, redis = Stalling(), Stalling()
    await fabric.start()
    await redis.start()
    gateways = {"redis": Gateway(system, fabric, redis), "alone": Gateway(system, fabric, None)}
    try:
        for gateway in gateways.values():
            await gateway.ready()
            await bench.others(gateway)  # what a process does once, it has done then
        alone = gateways["alone"]
        figures: dict[str, Any] = {"calm": await bench.others(alone)}
        figures["redis_hangs"] = await bench.others(gateways["redis"])
        figures["upstream_hangs"] = await bench.callers(alone, fabric, "hang")
        figures["upstream_dead"] = await bench.callers(alone, fabric, "reset")
        figures["deaf_readers"] = await bench.deaf_readers(alone)
        figures["idle"] = await bench.idle(alone)
        figures["slow_headers"] = await bench.slow_headers(alone)
        figures["takes_connections"] = int((re.findall(r'"connections": ?(\d+)', alone.log.read_text()) or ["0"])[0])
    finally:
        for gateway in gateways.values():
            gateway.stop()
        await fabric.close()
        await redis.close()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each case")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections")
    asked = parser.parse_args()
    facts = machine()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["SUMMIT_LIMITS"] = UNLIMITED
    with running() as system, ProcessPoolExecutor(1) as pool:
        figures = asyncio.run(measure(Bench(system, pool, asked.seconds, asked.idle), system))
    return finish("stalls", {"machine": facts, **figures}, BARS)


if __name__ == "__main__":
    raise SystemExit(main())
