"""The audit, from the program that acts to the row on the disk: how many records a second, and what tampering escapes.

Records go as the product writes them: ``Trail`` to the stream AUDIT, fabric from there to PostgreSQL, chained and
committed, the head signed. A round begins with the first record sent and ends when the last one is visible to another
transaction. Processor time is that of every process of the system (broker, database, five services, supervisor) and of
the writer. By it the bar holds on one core, by the clock where nobody else has the cores (there it is a target).
The export of a chain is damaged in each of five ways, and what ``summit audit verify`` does must find each.

    python bench/audit.py [--records 40000] [--rounds 5] [--attacks 200]
"""

import argparse
import io
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import asyncpg
import uvloop
from report import Bar, finish, machine
from summit_core.audit.chain import Broken, decode, link
from summit_core.audit.record import Actor, AuditRecord
from summit_core.audit.trail import Trail
from summit_core.audit.verify import verify
from summit_core.bus import Bus
from summit_core.clock import SystemClock
from summit_core.ids import new_id
from summit_core.model import Role
from system import System, running
from waiting import eventually

SENT_AT_ONCE = 1000
VICTIM, ATTACKED = "attacked", 500
"""The organisation whose chain is damaged, and how many records it has."""
THERE = "SELECT true FROM audit_log WHERE id = $1"
WAIT_S = 120.0
RATE = Bar("per_s", 10_000, 10**7)
BARS = (
    Bar("per_cpu_s", 10_000, 10**7),
    *(Bar(f"tampering.{kind}.escaped", 0, 0) for kind in ("flipped", "removed", "inserted", "reordered", "made_anew")),
    *(Bar(f"tampering.{kind}.named", 1, 1) for kind in ("removed", "inserted", "reordered", "made_anew")),
)
TARGETS = (Bar("cpu_us", 0, 60),)
Lines = list[bytes]


def record(number: int, organisation: str) -> AuditRecord:
    """As the gateway writes what came of a request, with every member that such a record has."""
    return AuditRecord(
        id=new_id(),
        at=datetime.now(UTC),
        service="api-gateway",
        action="POST /v1/incidents/{id}/state",
        outcome="done",
        organisation=organisation,
        principal=Actor(id="0190a1b2c3d4", name="Zoë of the benchmark", role=Role.OPERATOR),
        client="203.0.113.9",
        request_id=new_id(),
        object_type="incidents",
        object=f"inc-{number}",
        status=200,
        reason="smoke is confirmed by the crew",
        version="3",
        new_version="4",
        body_sha256="0" * 64,
    )


async def one_round(
    system: System, trail: Trail, rows: asyncpg.Connection, count: int, organisation: str = "default"
) -> dict[str, Any]:
    records = [record(number, organisation) for number in range(count)]
    last = records[-1].id
    cpu, own, began = system.processes.cpu_s(), time.process_time(), time.perf_counter()
    for start in range(0, count, SENT_AT_ONCE):
        await trail.flush(records[start : start + SENT_AT_ONCE])
    sent = time.perf_counter() - began
    await eventually(lambda: rows.fetchval(THERE, last), within_s=WAIT_S, every_s=0.005)
    took = time.perf_counter() - began
    used = {name: 1e6 * (spent - cpu[name]) / count for name, spent in system.processes.cpu_s().items()}
    used["writer"] = 1e6 * (time.process_time() - own) / count
    return {"per_s": count / took, "sent_per_s": count / sent, "cpu_us": sum(used.values()), "by_process": used}


async def measure(system: System, records: int, rounds: int) -> dict[str, Any]:
    bus = await Bus.connect(system.endpoints["nats"], name="bench")
    rows = await asyncpg.connect(system.endpoints["postgres"])
    trail = Trail(bus, SystemClock())
    await one_round(system, trail, rows, records // 4)  # warms up
    found = []
    for _ in range(rounds):
        found.append(await one_round(system, trail, rows, records))
        print(found[-1], file=sys.stderr)
    await one_round(system, trail, rows, ATTACKED, VICTIM)
    await rows.close()
    await bus.close()

    def middle(values: Iterable[float]) -> float:
        return round(statistics.median(values), 2)

    return {
        "per_s": middle(one["per_s"] for one in found),
        "per_cpu_s": middle(1e6 / one["cpu_us"] for one in found),
        "sent_per_s": middle(one["sent_per_s"] for one in found),
        "cpu_us": middle(one["cpu_us"] for one in found),
        "cpu_us_by_process": {
            name: middle(one["by_process"][name] for one in found) for name in found[0]["by_process"]
        },
        "rounds_per_s": [round(one["per_s"]) for one in found],
    }


async def exports(system: System) -> tuple[bytes, bytes]:
    """What the administrators get: of the installation, and of the organisation that is attacked."""
    url = system.endpoints["gateway"] + "/v1/"
    async with aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, key: str, body: Any = None) -> bytes:
            headers = {"Authorization": f"Bearer {key}"}
            async with session.request(method, url + path, headers=headers, json=body) as answer:
                answer.raise_for_status()
                return await answer.read()

        made = json.loads(await ask("POST", "organisations", system.key, {"id": VICTIM, "name": "of the benchmark"}))
        return await ask("GET", "audit/export", system.key), await ask("GET", "audit/export", made["key"]["key"])


def flipped(lines: Lines, rng: random.Random) -> tuple[bytes, int]:
    whole = bytearray(b"".join(lines))
    place = rng.randrange(len(whole))
    whole[place] ^= 1 << rng.randrange(8)
    return bytes(whole), bytes(whole[:place]).count(b"\n") + 1


def removed(lines: Lines, rng: random.Random) -> tuple[bytes, int]:
    place = rng.randrange(len(lines) - 1)
    return b"".join(lines[:place] + lines[place + 1 :]), place + 1


def inserted(lines: Lines, rng: random.Random) -> tuple[bytes, int]:
    """One of the records once more, a new one that follows truly, or the next one's number taken by another."""
    place = rng.randrange(1, len(lines) - 1)
    before = decode(lines[place - 1])
    more = link({"action": "DELETE /v1/audit", "id": "x"}, place + 1, before["hash"]).line + b"\n"
    return b"".join([*lines[:place], more, *lines[place:]]), place + 1


def reordered(lines: Lines, rng: random.Random) -> tuple[bytes, int]:
    one, other = sorted(rng.sample(range(len(lines) - 1), 2))
    moved = list(lines)
    moved[one], moved[other] = moved[other], moved[one]
    return b"".join(moved), one + 1


def made_anew(lines: Lines, rng: random.Random) -> tuple[bytes, int]:
    """A record with another outcome, its hash computed as it must be."""
    place = rng.randrange(len(lines) - 1)
    content = decode(lines[place])
    prev = content.pop("prev")
    anew = link(content | {"outcome": "denied"}, place + 1, prev).line + b"\n"
    return b"".join([*lines[:place], anew, *lines[place + 1 :]]), place + 1


ATTACKS: tuple[Callable[[Lines, random.Random], tuple[bytes, int]], ...] = (
    *(flipped, removed, inserted, reordered, made_anew),
)


def tampering(export: bytes, key: str, attacks: int) -> dict[str, Any]:
    """Of each kind of damage, how often it escaped, and the share in which the right record was named."""
    found: dict[str, Any] = {"records": verify(io.BytesIO(export), key=key).records, "of_each": attacks}
    rng, lines = random.Random(5), export.splitlines(keepends=True)
    for attack in ATTACKS:
        escaped = named = 0
        for _ in range(attacks):
            damaged, seq = attack(lines, rng)
            try:
                verify(io.BytesIO(damaged), key=key)
                escaped += 1
            except Broken as broken:
                named += broken.seq == seq
        found[attack.__name__] = {"escaped": escaped, "named": round(named / attacks, 3)}
    return found


async def judged(records: int, rounds: int, attacks: int) -> dict[str, Any]:
    with running() as system:
        found = await measure(system, records, rounds)
        key = json.loads((system.state_dir / "secrets.json").read_bytes())["audit"]["public"]
        whole, attacked = await exports(system)
        began = time.process_time()
        proven = verify(io.BytesIO(whole), key=key).records
        found["proof"] = {"records": proven, "per_cpu_s": round(proven / (time.process_time() - began))}
        return found | {"tampering": tampering(attacked, key, attacks)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--attacks", type=int, default=200)
    asked, facts = parser.parse_args(), machine()
    found = uvloop.run(judged(asked.records, asked.rounds, asked.attacks))
    result = {"machine": facts, "records": asked.records, "rounds": asked.rounds, **found}
    if facts["load_at_start"] <= facts["cores"]:
        return finish("audit", result, (RATE, *BARS), TARGETS)
    return finish("audit", result, BARS, (RATE, *TARGETS))  # others had the cores: then the time by the clock is theirs


if __name__ == "__main__":
    sys.exit(main())
