"""The bus against the raw engine and nats-py, in alternating rounds of one run; JSON, exit 1 when a bar is missed.

Publish: messages stored in a file stream, every one acknowledged, by a plain socket (the engine's ceiling for one
connection), by nats-py's ``publish_async``, by ``Bus.publish_many`` without and with ids. Pull: the same messages by
``pull`` and by nats-py's ``fetch``, acknowledged cumulatively. Figures are medians of the rounds, ratios of rates are
medians of each round's ratio. CPU is microseconds a message of this process and of the server; the bars are on the CPU
of both, which says the same on a machine that is busy with other things.

    python bench/bus.py [--messages 30000] [--rounds 7] [--loop uvloop]
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import uvloop
from engine import Engine, frame
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from report import Bar, finish, machine
from summit_core.bus import Bus
from summit_core.bus.consumer import pull
from summit_core.ids import new_id

STREAM, SUBJECT, DURABLE = "BENCH", "bench.observation", "reader"
BATCH = 1000
BARS = (
    Bar("cpu_ratios.publish_many_to_raw", 0.35, 10),
    Bar("cpu_ratios.publish_many_to_publish_async", 3.0, 1000),
    Bar("cpu_ratios.pull_to_fetch", 4.0, 1000),
)
TARGETS = (
    Bar("ratios.publish_many_to_raw", 0.45, 10),
    Bar("ratios.publish_many_to_publish_async", 4.0, 1000),
    Bar("ratios.pull_to_fetch", 4.0, 1000),
    Bar("figures.publish_many.per_s", 184_000, 10**7),
    Bar("figures.pull.per_s", 234_000, 10**7),
)
COMPARED = (
    ("publish_many", "raw"),
    ("publish_many_with_ids", "raw"),
    ("publish_many", "publish_async"),
    ("pull", "fetch"),
    ("pull", "raw"),
)
Run = Callable[[], Awaitable[None]]


class Server:
    """A nats-server as the product configures it (``sync_interval`` 1 s)."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = folder / "server.conf"
        store = f'{{ store_dir: "{folder / "store"}", sync_interval: "1s" }}'
        config.write_text(f'host: "127.0.0.1"\nport: {port}\njetstream {store}\n')
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        self.url = f"nats://127.0.0.1:{port}"
        self.process = subprocess.Popen([binary, "-c", config], stderr=subprocess.DEVNULL)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="summit-bench-") as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.process.kill()
            server.process.wait()


class Bench:
    """Each path as a coroutine that moves ``messages`` messages of 277 bytes."""

    def __init__(self, bus: Bus, server: Server, messages: int) -> None:
        self._bus, self._server, self._messages = bus, server, messages
        self._data = b'{"kind":"position"' + b"." * 258 + b"}"
        self._engine = Engine(server.url)
        self._ids = [f"{new_id()}-" for _ in range(messages)]
        self._round = 0

    async def fresh_stream(self) -> None:
        """Every run begins with an empty stream: no run pays for what another left."""
        names = [info.config.name for info in await self._bus.jetstream.streams_info()]
        if STREAM in names:
            await self._bus.jetstream.delete_stream(STREAM)
        await self._bus.jetstream.add_stream(StreamConfig(name=STREAM, subjects=["bench.*"]))

    async def raw(self) -> None:
        acknowledged = self._engine.publish([frame(SUBJECT, self._data)] * self._messages)
        assert acknowledged == self._messages

    async def publish_async(self) -> None:
        jetstream = self._bus.client.jetstream()
        acks = [await jetstream.publish_async(SUBJECT, self._data) for _ in range(self._messages)]
        assert len({ack.seq for ack in await asyncio.gather(*acks)}) == self._messages

    async def publish_many(self) -> None:
        stored = await self._bus.publish_many([(SUBJECT, self._data, None)] * self._messages)
        assert len(set(stored)) == self._messages

    async def publish_many_with_ids(self) -> None:
        stored = await self._bus.publish_many([(SUBJECT, self._data, one) for one in self._ids])
        assert len(set(stored)) == self._messages

    async def pull(self) -> None:
        await self._reader()
        came = 0
        async with aclosing(pull(self._bus, STREAM, DURABLE, batch=BATCH)) as batches:
            async for deliveries in batches:
                came += len(deliveries)
                if deliveries:
                    self._bus.connection.publish(deliveries[-1].reply, b"+ACK")
                if came == self._messages:
                    return

    async def fetch(self) -> None:
        await self._reader()
        subscription = await self._bus.jetstream.pull_subscribe_bind(DURABLE, STREAM)
        came = 0
        while came < self._messages:
            messages = await subscription.fetch(BATCH, timeout=5)
            await messages[-1].ack()
            came += len(messages)
        await subscription.unsubscribe()

    async def _reader(self) -> None:
        config = ConsumerConfig(durable_name=DURABLE, ack_policy=AckPolicy.ALL, max_ack_pending=4 * BATCH)
        await self._bus.jetstream.add_consumer(STREAM, config)

    async def measured(self, run: Run) -> dict[str, float]:
        """Messages a second, and microseconds of CPU a message."""
        server, client, start = self._server.cpu_s(), time.process_time(), time.perf_counter()
        await run()
        seconds = time.perf_counter() - start
        return {
            "per_s": round(self._messages / seconds),
            "client_us": round(1e6 * (time.process_time() - client) / self._messages, 2),
            "server_us": round(1e6 * (self._server.cpu_s() - server) / self._messages, 2),
        }

    async def one_round(self) -> dict[str, dict[str, float]]:
        found = {}
        for run in (self.raw, self.publish_async, self.publish_many, self.publish_many_with_ids):
            await self.fresh_stream()
            found[run.__name__] = await self.measured(run)
        for run in (self.pull, self.fetch):
            found[run.__name__] = await self.measured(run)
            await self._bus.jetstream.delete_consumer(STREAM, DURABLE)
        return found


async def measure(messages: int, rounds: int) -> dict[str, Any]:
    with served() as server:
        bus = await Bus.connect(server.url, name="bench")
        bench = Bench(bus, server, messages)
        found = [await bench.one_round() for _ in range(rounds)]
        await bus.close()

    def ratios(of: Callable[[dict[str, float]], float]) -> dict[str, float]:
        """Above 1: the first is better. ``of``: what one path got for a message, or spent inversely."""
        return {
            f"{one}_to_{other}": round(statistics.median(of(each[one]) / of(each[other]) for each in found), 3)
            for one, other in COMPARED
        }

    figures = {
        path: {name: round(statistics.median(each[path][name] for each in found), 2) for name in values}
        for path, values in found[0].items()
    }
    return {
        "messages": messages,
        "rounds": rounds,
        "figures": figures,
        "ratios": ratios(lambda one: one["per_s"]),
        "cpu_ratios": ratios(lambda one: 1 / (one["client_us"] + one["server_us"])),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    options = parser.parse_args()
    facts = machine()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        found = runner.run(measure(options.messages, options.rounds))
    return finish("bus", {"machine": facts, "loop": options.loop, **found}, BARS, TARGETS)


if __name__ == "__main__":
    sys.exit(main())
