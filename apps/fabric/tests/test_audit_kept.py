"""The audit as it is kept: chained once whatever crashes, not to be changed, checked, exported, cut by retention."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from fabric_harness import SERVICE_KEY, running
from pydantic import SecretStr
from summit_core import wire
from summit_core.audit.chain import Broken, decode
from summit_core.audit.record import Actor, AuditRecord
from summit_core.audit.verify import verify
from summit_core.bus import Bus, Delivery, consume
from summit_core.bus.streams import AUDIT
from summit_core.clock import ManualClock
from summit_core.ids import new_id
from summit_core.model import Principal, Role
from summit_core.observability.health import HealthMonitor
from summit_core.security.nkey import AccountKey
from summit_core.store import Pool, create_pool
from summit_fabric.audit.service import AuditService
from summit_fabric.audit.store import _LAST, _ORGANISATIONS, AuditFilter, AuditStore
from summit_fabric.audit.worker import RECORDER, AuditRecorder, Watch
from waiting import eventually

KEY = AccountKey.new()
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ADMINISTRATOR = Principal(id="a", name="Ada", role=Role.ADMINISTRATOR)


def record(number: int = 0, **more: Any) -> AuditRecord:
    said: dict[str, Any] = {
        "id": new_id(),
        "at": NOW + timedelta(seconds=number),
        "service": "api-gateway",
        "action": "POST /v1/incidents/{id}/state",
        "outcome": "done",
        "status": 200,
        "object": f"inc-{number}",
        "object_type": "incidents",
        "principal": Actor(id="k1", name="Zoë", role=Role.OPERATOR),
    }
    return AuditRecord(**(said | more))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    made = await create_pool(database_url, name="test")
    yield made
    made.terminate()


async def exported(store: AuditStore, organisation: str = "default") -> bytes:
    service = AuditService(store, KEY, ManualClock(NOW))
    return b"".join([part async for part in service.export(organisation)])


async def tampered(url: str, statement: str) -> None:
    """As a superuser who knows how to silence triggers."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(statement)
    await connection.close()


async def test_records_are_chained_once_for_each_organisation(pool: Pool) -> None:
    store = AuditStore(pool)
    records = [record(n, organisation="north" if n % 3 else "south") for n in range(30)]
    assert await store.append(records[:20]) == 20
    assert await store.append([*records[10:], records[29]]) == 10
    for organisation, count in (("north", 20), ("south", 10)):
        assert verify(io.BytesIO(await exported(store, organisation)), key=KEY.public).records == count
    assert verify(io.BytesIO(await exported(store, "nobody")), key=KEY.public).records == 0


@pytest.mark.parametrize("statement", ["UPDATE {} SET line = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nobody_changes_what_is_written(pool: Pool, statement: str) -> None:
    store = AuditStore(pool)
    await store.append([record()])
    watch = Watch(store, KEY, ManualClock(NOW), None)
    await watch.look()
    for table in ("audit_log", "audit_heads"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only added to"):
            await pool.execute(statement.format(table))
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE summit_audit")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(statement.format(table))


@pytest.mark.parametrize(
    ("statement", "kind", "seq"),
    [
        ("UPDATE audit_log SET line = replace(line, 'Zoë', 'Eve') WHERE seq = 4", "changed", 4),
        ("DELETE FROM audit_log WHERE seq = 5", "removed", 5),
        ("DELETE FROM audit_log WHERE seq > 7", "truncated", 8),
        ("UPDATE audit_log SET seq = 100 WHERE seq = 3", "removed", 3),
    ],
)
async def test_what_a_superuser_does_is_found(
    pool: Pool, database_url: str, statement: str, kind: str, seq: int
) -> None:
    store, clock = AuditStore(pool), ManualClock(NOW)
    await store.append([record(n) for n in range(10)])
    watch = Watch(store, KEY, clock, None)
    await watch.look()
    assert watch.broken == {}
    await tampered(database_url, statement)
    clock.advance(3600)  # all is looked at anew every hour
    await watch.look()
    assert (watch.broken["default"].kind, watch.broken["default"].seq) == (kind, seq)
    with pytest.raises(Broken) as caught:
        verify(io.BytesIO(await exported(store)), key=KEY.public)
    assert caught.value.seq == seq


async def test_retention_takes_beginnings_and_the_rest_still_holds(pool: Pool) -> None:
    store, clock = AuditStore(pool), ManualClock(NOW + timedelta(days=10))
    await store.append([record(n * 86_400) for n in range(10)])
    watch = Watch(store, KEY, clock, 4)
    await watch.look()
    found = verify(io.BytesIO(await exported(store)), key=KEY.public)
    assert (found.head.first, found.records) == (7, 4)
    clock.advance(30 * 86_400)
    await watch.look()
    assert watch.broken == {}
    assert verify(io.BytesIO(await exported(store)), key=KEY.public).records == 0
    await store.append([record(50 * 86_400)])
    await watch.look()
    found = verify(io.BytesIO(await exported(store)), key=KEY.public)
    assert (found.head.first, found.head.seq, watch.broken) == (11, 11, {})


async def test_by_default_nothing_is_taken_away(pool: Pool) -> None:
    store = AuditStore(pool)
    await store.append([record()])
    await Watch(store, KEY, ManualClock(NOW + timedelta(days=20_000)), None).look()
    assert verify(io.BytesIO(await exported(store)), key=KEY.public).records == 1


async def test_an_intention_is_shown_until_its_outcome_is_known(pool: Pool) -> None:
    store = AuditStore(pool)
    first, second = record(1, outcome="intended"), record(2, outcome="intended", object="lost")
    await store.append([first, second, record(3, intent=first.id)])
    shown, _ = await store.page("default", AuditFilter(), limit=10, before=None)
    assert [decode(line)["seq"] for line in shown] == [3, 2]
    unknown, _ = await store.page("default", AuditFilter(outcome="intended"), limit=10, before=None)
    assert [decode(line)["object"] for line in unknown] == ["lost"]
    assert verify(io.BytesIO(await exported(store))).records == 3


async def test_pages_are_filtered_and_follow_each_other(pool: Pool) -> None:
    store = AuditStore(pool)
    await store.append([record(n, outcome="denied" if n % 2 else "done") for n in range(20)])
    seen, before = [], None
    while True:
        lines, before = await store.page("default", AuditFilter(outcome="denied"), limit=3, before=before)
        seen += [decode(line)["seq"] for line in lines]
        if before is None:
            break
    assert seen == list(range(20, 0, -2))
    for wanted, count in (
        (AuditFilter(principal="Zoë"), 20),
        (AuditFilter(principal="k2"), 0),
        (AuditFilter(action="incidents"), 20),
        (AuditFilter(objects=["inc-4", "inc-5"]), 2),
        (AuditFilter(since=NOW + timedelta(seconds=5), until=NOW + timedelta(seconds=8)), 3),
    ):
        assert len((await store.page("default", wanted, limit=100, before=None))[0]) == count


class Crash(Exception):  # noqa: N818  (what it stands for)
    """The process dies here."""


async def test_a_crash_at_any_point_neither_loses_nor_doubles_a_record(nats_url: str, pool: Pool) -> None:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    records = [record(n) for n in range(300)]
    store = AuditStore(pool)
    recorder = AuditRecorder(store)
    for round_, point in enumerate(["before", "after", "before", "after", "never"]):
        part = records[round_ * 60 : round_ * 60 + 60]
        await bus.publish_many((f"audit.{one.organisation}", wire.encode(one.content()), one.id) for one in part)

        async def handle(deliveries: list[Delivery], point: str = point) -> None:
            if point == "before":
                raise Crash
            await recorder.handle(deliveries)
            if point == "after":
                raise Crash  # the commit is done, the acknowledgement is not

        run = asyncio.create_task(consume(bus, AUDIT, RECORDER, handle, HealthMonitor(), batch=25))
        if point == "never":

            async def all_there() -> bool:
                return (await store.last("default"))[0] >= len(records)

            await eventually(all_there)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
        else:
            with pytest.raises(Crash):
                await run
    await bus.publish(f"audit.{records[0].organisation}", wire.encode(records[0].content()))  # told a second time
    export = await exported(store)
    assert verify(io.BytesIO(export), key=KEY.public).records == len(records)
    assert [decode(line)["id"] for line in export.splitlines()[:-1]] == [one.id for one in records]
    await bus.close()


async def test_over_http_pages_export_activity_and_brief(nats_url: str, database_url: str) -> None:
    async with running(nats_url, database_url, audit_seed=SecretStr(KEY.seed)) as fabric:
        now = datetime.now(UTC)
        said = [
            record(at=now, object="inc-1", reason="smoke is seen"),
            record(at=now, outcome="denied", status=403, code="forbidden", object="inc-1"),
        ]
        for one in said:
            await fabric.send("audit.default", wire.encode(one.content()))
        await fabric.send("audit.default", b"\xff nonsense")
        person = {"X-Summit-Principal": wire.encode(ADMINISTRATOR).decode()}

        async def there() -> Any:
            status, page = await fabric.ask("/v1/audit", **person)
            return page["items"] if status == 200 and len(page["items"]) == 3 else None

        items = await eventually(there)
        assert items[0]["action"] == "unreadable audit record"
        headers = {"Authorization": f"Bearer {SERVICE_KEY}"} | person
        async with fabric.http.get(fabric.url + "/v1/audit/export", headers=headers) as answer:
            assert verify(io.BytesIO(await answer.read()), key=KEY.public).records == 3
        viewer = {"X-Summit-Principal": wire.encode(Principal(id="v", name="V", role=Role.VIEWER)).decode()}
        assert (await fabric.ask("/v1/audit", **viewer))[0] == 403
        _, found = await fabric.ask("/v1/activity?object=inc-1", **viewer)
        assert [one["text"] for one in found["items"]] == ["Zoë: moved incident inc-1. “smoke is seen”"]
        other = {
            "X-Summit-Principal": wire.encode(Principal(id="v", name="V", role=Role.VIEWER, organisation="x")).decode()
        }
        assert (await fabric.ask("/v1/activity?object=inc-1", **other))[1]["items"] == []
        _, brief = await fabric.ask("/v1/handover", **viewer)
        sections = {one["name"]: one["statements"] for one in brief["sections"]}
        assert sections["decisions"][0]["cites"] == [said[0].id, "inc-1"]
        assert sections["denied"][0]["cites"] == [said[1].id]
        assert (await fabric.ask("/v1/handover?since=2000-01-01T00:00:00Z", **viewer))[0] == 422


async def test_a_batch_costs_the_same_however_long_the_chain_is(pool: Pool) -> None:
    """What `make bench-audit` measures; here that no statement of a batch, or of a look, reads the whole chain."""
    store = AuditStore(pool)
    for _ in range(5):
        await store.append([record(n, organisation="north" if n % 2 else "south") for n in range(2000)])
    await pool.execute("ANALYZE audit_log")
    assert await store.organisations() == ["north", "south"]
    for statement, values in ((_LAST, [["north", "south"]]), (_ORGANISATIONS, [])):
        plan = await pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
        assert rows_read(json.loads(plan)[0]["Plan"]) < 100, plan
    planted = "SELECT DISTINCT ON (organisation) seq FROM audit_log ORDER BY organisation, seq DESC"
    plan = await pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {planted}")
    assert rows_read(json.loads(plan)[0]["Plan"]) >= 10_000


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that a plan's nodes gave, all together."""
    return plan["Actual Rows"] * plan["Actual Loops"] + sum(map(rows_read, plan.get("Plans", [])))
