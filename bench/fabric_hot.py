"""What one observation costs the processor on its way through fabric, step by step, on a synthetic batch.

Telemetry of 500 sources in turn, each message one observation without an id; the best of several rounds, so that the
load of the machine matters least. Only the Python side: what NATS and PostgreSQL spend is in ``bench/pipeline.py``.

    python bench/fabric_hot.py [--observations 5000] [--rounds 7]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from report import Bar, finish, machine
from summit_core import wire
from summit_core.bus.consumer import Delivery
from summit_core.model import AnyObservation
from summit_fabric import accounts
from summit_fabric.accounts import Ledger
from summit_fabric.decoded import Batch
from summit_fabric.entities import absorb
from summit_fabric.held import Held
from summit_fabric.judge import judge_all
from summit_fabric.rows import copied
from summit_fabric.store import entries_of
from summit_fabric.worker import encoded_in_parts, partitioned

SOURCES = 500
BAR_US = 16.0
"""On a machine that others load too; of the 30 microseconds for all processes, fabric's part should be near 12."""
BEFORE_US = {"judge": 21.3, "encode": 0.33, "rows": 2.92, "accounts": 1.53, "keeper": 1.94}
"""The same steps before they were made fast, on the machine of the kept result: for comparison only."""
T = TypeVar("T")


def message(number: int, now: datetime) -> Delivery:
    """As a drone sends it, and as the broker delivers it."""
    body = {
        "source": f"drone-{number % SOURCES:03d}",
        "observed_at": (now + timedelta(milliseconds=number)).isoformat(),
        "seq": number // SOURCES,
        "lat": 39.8 + number % SOURCES * 1e-4,
        "lon": -121.4,
        "category": "drone",
        "alt_m": 812.5,
        "course_deg": 271.5,
        "speed_mps": 17.25,
        "battery": 0.83,
        "endurance_s": 1420.0,
        "cruise_mps": 18.0,
        "capabilities": ["camera", "thermal"],
        "home": [39.8, -121.4],
    }
    stored_ns = int(now.timestamp() * 1e9) + number * 1_000_000
    reply = f"$JS.ACK.INGEST.fabric-validator.1.{number + 1}.{number + 1}.{stored_ns}.0"
    return Delivery(f"devices.{body['source']}.telemetry", json.dumps(body).encode(), reply)


class Costs:
    """Processor time of each step, microseconds an observation."""

    def __init__(self, observations: int, rounds: int) -> None:
        self._observations, self._rounds = observations, rounds
        self.us: dict[str, float] = {}

    def of(self, step: str, work: Callable[[], T]) -> T:
        best = float("inf")
        for _ in range(self._rounds):
            start = time.process_time()
            result = work()
            best = min(best, time.process_time() - start)
        self.us[step] = round(best / self._observations * 1e6, 2)
        return result


def measure(observations: int, rounds: int) -> dict[str, float]:
    now = datetime.now(UTC)
    deliveries = [message(number, now) for number in range(observations)]
    costs = Costs(observations, rounds)

    def judge() -> list[AnyObservation]:
        for delivery in deliveries:
            delivery._words = None  # as it comes: not read yet
        found = judge_all(deliveries)
        assert found is not None, "one of them needs a closer look"
        return found[0]

    accepted = costs.of("judge", judge)
    groups = costs.of("partition", lambda: list(partitioned(accepted)))
    parts = costs.of("encode", lambda: [part for _, group in groups for part in encoded_in_parts(group)])
    costs.of("decode (only what another process wrote)", lambda: [wire.decode_batch(data) for data, _ in parts])
    costs.of("rows as COPY takes them", lambda: copied(part for _, part in parts))
    batches = [(deliveries[index], Batch(part.observations, part.cells)) for index, (_, part) in enumerate(parts)]

    def enter() -> list[Ledger]:
        entries = entries_of(batches, None, None)
        return [accounts.enter(Ledger(id=source), *entry) for source, entry in entries.items()]

    ledgers = costs.of("accounts", enter)
    costs.of("ledgers to text (a batch of all)", lambda: [wire.encode(ledger) for ledger in ledgers])
    first = {one.source: absorb(None, one) for one in accepted[:SOURCES]}

    def take() -> None:
        held = {source: Held(entity) for source, entity in first.items() if entity}
        for one in accepted[SOURCES:]:
            held[one.source].take(one)
        for one_held in held.values():
            one_held.entity  # noqa: B018  (read as a write does: it takes the newest in)

    costs.of("keeper", take)
    return costs.us


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    us = measure(options.observations, options.rounds)
    total = round(sum(cost for step, cost in us.items() if not step.startswith("decode")), 2)
    facts = {"machine": machine(), "observations": options.observations, "sources": SOURCES}
    before = {"us": BEFORE_US, "commit": "5911d0a"}
    return finish("fabric_hot", facts | {"us": us, "total_us": total, "before": before}, [Bar("total_us", 0.0, BAR_US)])


if __name__ == "__main__":
    sys.exit(main())
