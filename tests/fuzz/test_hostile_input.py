"""Whatever is sent by whatever door is accepted or dead-lettered with a reason, counted, and kills nothing.

The quick form sends 2,100 inputs, the full form (``make fuzz``) 100,000: a fifth from Hypothesis strategies, the others
seeded mutations of a corpus. After each batch the books must match: sent = stored + duplicate + rejected. When they do
not, the inputs of the batch are sent again one by one, and the first that is not in the books is printed.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
from books import Auditor
from doors import At, HttpDoor, MqttDoor, NatsDoor, Outcome
from hostile import Hostile, inputs, mutated
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from report import keep, machine
from system import Processes, growth

FROM_STRATEGIES, A_BATCH, LANES = 20, 100, 4
"""Of each batch a fifth is from the strategies; it goes by so many connections at once."""
WARM_UP, WARM_UP_S = 0.25, 180.0
"""Fraction of the inputs, and seconds, after which memory is first looked at (seconds: see ``tests/soak``)."""
LOOK_EVERY_S, LOOKS_NEEDED = 2.0, 20
GROWTH = 1.05
ENOUGH_FOR_MEMORY = 50_000


class Door(Protocol):
    async def send(self, batch: Sequence[Hostile]) -> list[Outcome]: ...


class Run:
    """Sends batches and keeps the test's own books."""

    def __init__(self, system: Any, auditor: Auditor, runner: asyncio.Runner, total: int) -> None:
        self._auditor, self._runner, self._total = auditor, runner, total
        self.sent: Counter[str] = Counter()
        self.said: Counter[str] = Counter()
        self.processes = Processes(system.state_dir, system.pid)
        self.started = self.processes.roots()
        self.memory: list[dict[str, float]] = []
        self._look_at = time.monotonic() + WARM_UP_S
        self.failure = ""

    def batch(self, name: str, door: Door, batch: Sequence[Hostile]) -> None:
        """Nothing more is sent once a failure is found: Hypothesis would send the same again, which proves nothing."""
        if self.failure:
            return
        wrong = self._runner.run(self._send(door, batch))
        self.sent[name] += len(batch)
        if wrong:
            alone = ((one, self._runner.run(self._send(door, [one]))) for one in batch)
            one, why = next(((one, why) for one, why in alone if why), (f"not alone but together: {batch!r}", wrong))
            self.failure = f"by {name}: {one!r}: {why} (at first: {wrong})"
        elif self.processes.roots() != self.started:
            self.failure = f"by {name}: a process died on one of {batch!r}"
        elif sum(self.sent.values()) >= WARM_UP * self._total and time.monotonic() >= self._look_at:
            self.memory.append(self.processes.own_mb())
            self._look_at = time.monotonic() + LOOK_EVERY_S

    async def _send(self, door: Door, batch: Sequence[Hostile]) -> str:
        """Empty when the books match, else how they do not."""
        before = await self._auditor.read()
        sent = await asyncio.gather(*(door.send(batch[lane::LANES]) for lane in range(min(LANES, len(batch)))))
        outcomes = [one for lane in sent for one in lane]
        least, most = sum(one.least for one in outcomes), sum(one.most for one in outcomes)
        self.said.update(f"{one.at.value}" for one in outcomes)
        books = await self._auditor.settled(before, least, most)
        shown = books.received - before.received
        if books.agree and least <= shown <= most:
            return ""
        differ = await self._auditor.differences()
        return f"{least} to {most} must be in the books, {shown} are; {books}; account and rows differ for {differ}"


@pytest.mark.timeout(3600)
def test_every_input_is_accepted_or_refused_with_a_reason(system: Any, request: pytest.FixtureRequest) -> None:
    total, first_seed = request.config.getoption("--inputs"), request.config.getoption("--fuzz-seed")
    auditor = Auditor(system.endpoints, system.key)
    doors: dict[str, Door] = {
        "mqtt": MqttDoor(system.endpoints["mqtt"]),
        "nats": NatsDoor(system.endpoints["nats"]),
        "http": HttpDoor(system.endpoints["gateway"], system.key),
    }
    with asyncio.Runner() as runner:
        run = Run(system, auditor, runner, total)
        shower(run, doors, max(1, total // A_BATCH), first_seed)()
        assert not run.failure, run.failure
        reasons = runner.run(auditor.reasons())
        denied = runner.run(auditor.denied(run.said[At.DENIED.value]))
    health = system.run("health", "--state-dir", str(system.state_dir))
    assert health.returncode == 0, f"not everything is well afterwards: {health.stdout}{health.stderr}"
    grown = growth(run.memory) if run.memory else {}
    figures = {
        "machine": machine(),
        "seed": first_seed,
        "sent": run.sent,
        "outcomes": run.said,
        "reasons": reasons,
        "growth": grown,
    }
    figures |= {"memory_mb": run.memory[-1:], "looks": len(run.memory), "growth_bar": GROWTH}
    print(json.dumps(figures))
    if total >= ENOUGH_FOR_MEMORY:
        keep("fuzz", figures)
    assert denied == run.said[At.DENIED.value], f"{denied} counted of {run.said} that the broker denied"
    assert sum(run.sent.values()) >= total
    assert sum(run.said.values()) >= total
    if total >= ENOUGH_FOR_MEMORY:
        assert len(run.memory) >= LOOKS_NEEDED, "too quick to say anything of memory: send more (--inputs)"
        assert max(grown.values()) <= GROWTH, f"memory grew: {grown}"


def shower(run: Run, doors: dict[str, Door], batches: int, first_seed: int) -> Callable[[], None]:
    """``batches`` batches, to each door in turn."""
    numbers = iter(range(batches * 2))

    @seed(first_seed)
    @settings(
        max_examples=batches,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(made=st.lists(inputs, min_size=FROM_STRATEGIES, max_size=FROM_STRATEGIES))
    def pour(made: list[Hostile]) -> None:
        number = next(numbers)
        name = list(doors)[number % len(doors)]
        seeded = mutated(first_seed * 1_000_000 + number, A_BATCH - FROM_STRATEGIES, number * A_BATCH)
        run.batch(name, doors[name], [*made, *seeded])

    return pour
