"""Accepted means durable: what a producer was told is accepted is stored exactly once, whatever dies in between.

Half of the offer comes by MQTT (QoS 1, two connections), half by HTTP; quick: 500/s for 20 s, full: 2,000/s for 60 s
(``make chaos ARGS=--full``). A program is killed, stopped for 20 s, or ended so that it is started again, a quarter of
the way through. The full form leaves a line for each case in ``bench/results/chaos.json``.
"""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import asyncpg
import nats
import psutil
import pytest
from producers import HttpProducer, MqttProducer, Producer
from report import RESULTS, machine

STOPPED_S = 20.0
CATCH_UP_WITHIN_S = 10.0
"""The bar, after 20 s of outage; a kill is a shorter outage and has the same bar."""
SETTLED_S = 3.0
SYSTEM = "system"
SLACK_S = 1.0
"""Caught up: what was due this long ago is stored."""


@dataclass(frozen=True)
class Fault:
    program: str
    stopped_s: float = 0.0
    """How long it is stopped; 0 means ``kill -9``; the whole system is asked to stop, and started again."""

    def __str__(self) -> str:
        return f"{self.program}-{'restarted' if self.program == SYSTEM else 'stopped' if self.stopped_s else 'killed'}"


FAULTS = (
    Fault("postgres"),
    Fault("postgres", STOPPED_S),
    Fault("nats"),
    Fault("nats", STOPPED_S),
    *(Fault(name) for name in ("fabric", "api-gateway", "fusion", "intelligence", "tasking")),
    Fault(SYSTEM),
)


@dataclass
class Figures:
    """One line of the result."""

    case: str
    rate: float
    seconds: float
    acknowledged: int = 0
    resent: int = 0
    stored: int = 0
    lost: int = 0
    lost_of: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    duplicate: int = 0
    rejected: int = 0
    gaps: int = 0
    sums_wrong: list[str] = field(default_factory=list)
    streams_begun_anew: list[str] = field(default_factory=list)
    """Streams that were not there any more, as they were, when the broker came back from its disk."""
    first_request: int | None = None
    catch_up_s: float = 0.0

    @property
    def met(self) -> bool:
        losses = self.lost + self.twice + self.rejected + self.gaps + len(self.sums_wrong + self.streams_begun_anew)
        return losses == 0 and self.catch_up_s <= CATCH_UP_WITHIN_S and self.first_request in {None, 200}


class Watch:
    """Asks the public interface how far the store is behind what was due."""

    def __init__(self, api: Any, producers: list[Producer]) -> None:
        self._api = api
        self._producers = producers
        self.sources = [source for producer in producers for source in producer.sources]

    async def status(self, path: str) -> int:
        try:
            async with self._api.session.get(self._api.base + path) as response:
                await response.read()
                return int(response.status)
        except aiohttp.ClientError:
            return 0

    async def stored(self) -> int:
        """Observations stored of all sources; -1 where the system cannot say."""
        total = 0
        for source in self.sources:
            try:
                total += (await self._api.get(f"/v1/observations/count?source={source}"))["count"]
            except (AssertionError, aiohttp.ClientError):
                return -1
        return total

    async def caught_up_after(self, end_of_fault: float) -> float:
        """Seconds until the store was no longer behind, and stayed so."""
        behind = end_of_fault
        deadline = end_of_fault + 6 * CATCH_UP_WITHIN_S
        while (asked := time.monotonic()) < min(deadline, max(behind, end_of_fault) + SETTLED_S):
            stored = await self.stored()
            if stored < sum(producer.offered(asked - SLACK_S) for producer in self._producers):
                behind = time.monotonic()
            await asyncio.sleep(0.1)
        return round(behind - end_of_fault, 2)


def processes_of(system: Any, program: str) -> list[psutil.Process]:
    """The present process of a program and all its children (a PostgreSQL server is one for each connection)."""
    noted = json.loads((system.state_dir / "processes.json").read_text())
    parent = psutil.Process(next(one["pid"] for one in noted if one["name"] == program))
    return [parent, *parent.children(recursive=True)]


async def strike(system: Any, fault: Fault, eventually: Any) -> float:
    """Do it; returns when it was over (for a kill: when it was done)."""
    if fault.program == SYSTEM:
        await asyncio.to_thread(system.stop)
        await asyncio.to_thread(system.start)
        return time.monotonic()
    victims = processes_of(system, fault.program)
    if not fault.stopped_s:
        victims[0].kill()
        return time.monotonic()
    for process in victims:
        process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + fault.stopped_s
    try:
        await eventually(is_past(end), within_s=fault.stopped_s + 5, what="end of the outage")
    finally:
        for process in victims:
            process.send_signal(signal.SIGCONT)
    return time.monotonic()


def is_past(moment: float) -> Callable[[], Any]:
    async def ask() -> bool:
        return time.monotonic() >= moment

    return ask


async def first_request(system: Any, watch: Watch, eventually: Any) -> int:
    """The status of the first requests after the database takes connections again; the worst of all that use it."""

    async def accepts() -> bool:
        try:
            connection = await asyncpg.connect(system.endpoints["postgres"], timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    await eventually(accepts, within_s=20, what="PostgreSQL back")
    paths = [f"/v1/observations/count?source={watch.sources[0]}", "/v1/sources", "/v1/keys"]
    return max(await asyncio.gather(*(watch.status(path) for path in paths)))


async def streams(system: Any) -> dict[str, tuple[str, int]]:
    """When each stream began, and its last sequence."""
    client = await nats.connect(system.endpoints["nats"])
    infos = await client.jetstream().streams_info()
    await client.close()
    return {str(info.config.name): (str(info.created), info.state.last_seq) for info in infos}


async def audit(system: Any, api: Any, producers: list[Producer], figures: Figures) -> None:
    """Compare the producers' books with the store, id by id, and with the accounts."""
    connection = await asyncpg.connect(system.endpoints["postgres"])
    for producer in producers:
        figures.resent += producer.resent
        for source, ids in producer.acknowledged.items():
            rows = await connection.fetch("SELECT id::text FROM observations WHERE source = $1", source)
            stored = Counter(row["id"] for row in rows)
            account = await api.get(f"/v1/sources/{source}")
            figures.acknowledged += len(ids)
            figures.stored += len(rows)
            lost = sum(identifier not in stored for identifier in ids)
            figures.lost += lost
            figures.lost_of |= {source: lost} if lost else {}
            figures.twice += sum(count - 1 for count in stored.values())
            figures.duplicate += account["duplicate"]
            figures.rejected += account["rejected"]
            figures.gaps += account["gaps"]
            parts = account["stored"] + account["duplicate"] + account["rejected"]
            if account["received"] != parts or account["stored"] != len(rows):
                figures.sums_wrong.append(source)
    await connection.close()


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[list[dict[str, Any]]]:
    """A line for each case; those of the full form are kept, beside the cases of other runs."""
    facts = machine()
    lines: list[dict[str, Any]] = []
    yield lines
    if lines and request.config.getoption("--full", default=False):
        kept = RESULTS / "chaos.json"
        cases = json.loads(kept.read_text())["cases"] if kept.exists() else {}
        cases |= {line["case"]: line | {"load_at_start": facts["load_at_start"]} for line in lines}
        missed = sorted(name for name, line in cases.items() if not line["met"])
        kept.write_text(json.dumps({"machine": facts, "cases": cases, "missed": missed}, indent=1) + "\n")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_what_was_acknowledged_is_stored_exactly_once(
    system: Any, api: Any, eventually: Any, fault: Fault, results: list[dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    rate, seconds = (2_000.0, 60.0) if request.config.getoption("--full", default=False) else (500.0, 20.0)
    names = [[f"{fault}-{door}-{number}" for number in (1, 2)] for door in ("mqtt-a", "mqtt-b", "http-a", "http-b")]
    producers: list[Producer] = [
        *(MqttProducer(lambda: system.endpoints["mqtt"], sources, rate / 4, seconds) for sources in names[:2]),
        *(
            HttpProducer(lambda: system.endpoints["gateway"], system.key, sources, rate / 4, seconds)
            for sources in names[2:]
        ),
    ]
    watch, figures = Watch(api, producers), Figures(str(fault), rate, seconds)
    before = await streams(system)
    for producer in producers:
        producer.begin()
    sending = asyncio.gather(*(producer.run() for producer in producers))
    try:
        await eventually(is_past(time.monotonic() + seconds / 4), within_s=seconds, what="a quarter of the way")
        assert await watch.stored() > 0
        end_of_fault = await strike(system, fault, eventually)
        api.base = system.endpoints["gateway"]
        if fault.program == "postgres":
            figures.first_request = await first_request(system, watch, eventually)
        figures.catch_up_s = await watch.caught_up_after(end_of_fault)
        async with asyncio.timeout(seconds + 60):
            await sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    total = sum(producer.total for producer in producers)

    async def settled() -> bool:
        return await watch.stored() >= total or time.monotonic() > deadline

    deadline = time.monotonic() + 20
    await eventually(settled, within_s=25, what="answers")
    await audit(system, api, producers, figures)
    after = await streams(system)
    figures.streams_begun_anew = [
        name for name, (began, last) in before.items() if after.get(name, ("", 0))[0] != began or after[name][1] < last
    ]
    line = asdict(figures) | {"bar_s": CATCH_UP_WITHIN_S, "met": figures.met}
    print(json.dumps(line))
    results.append(line)
    assert figures.acknowledged == total
    assert figures.met, figures
