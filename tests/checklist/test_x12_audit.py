"""X12: an append-only, signed audit whose chain is checked; retention that takes away; a clock's skew that is seen."""

import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import REGISTRY
from summit_core.audit.chain import Broken
from summit_core.audit.record import AuditRecord
from summit_core.audit.verify import Verified, verify
from summit_core.clock import ManualClock
from summit_core.ids import new_id
from summit_core.security.nkey import AccountKey
from summit_core.store import Pool, create_pool
from summit_fabric.audit.service import AuditService
from summit_fabric.audit.store import AuditStore
from summit_fabric.audit.worker import Watch
from summit_fabric.partitions import Partitions
from summit_fabric.silence import OFFSET

KEY = AccountKey.new()
NOW = datetime(2026, 5, 6, tzinfo=UTC)
RULES = Path(__file__).parents[2] / "infra" / "docker" / "prometheus-alerts.yml"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    made = await create_pool(database_url, name="test")
    yield made
    made.terminate()


@pytest.fixture
async def store(pool: Pool) -> AuditStore:
    made = AuditStore(pool)
    records = [
        AuditRecord(id=new_id(), at=NOW + timedelta(days=n), service="x", action="POST /v1/keys", outcome="done")
        for n in range(10)
    ]
    await made.append(records)
    await Watch(made, KEY, ManualClock(NOW), None).look()
    return made


async def proven(store: AuditStore) -> Verified:
    service = AuditService(store, KEY, ManualClock(NOW))
    export = b"".join([part async for part in service.export("default")])
    return verify(io.BytesIO(export), key=KEY.public)


async def changed_by_superuser(url: str) -> None:
    """The planted fault: a row that was written to, past the trigger."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("UPDATE audit_log SET line = replace(line, 'POST', 'GET ') WHERE seq = 6")
    await connection.close()


async def test_the_audit_is_only_added_to_and_its_chain_is_signed(store: AuditStore, pool: Pool) -> None:
    assert (await proven(store)).trusted
    for statement in ("UPDATE audit_log SET line = ''", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    assert (await proven(store)).records == 10


@pytest.mark.planted("a row that a superuser changed, past the trigger")
async def test_planted_a_row_changed_by_a_superuser_is_found(store: AuditStore, database_url: str) -> None:
    await changed_by_superuser(database_url)
    with pytest.raises(Broken) as caught:
        await proven(store)
    assert (caught.value.kind, caught.value.seq) == ("changed", 6)
    watch = Watch(store, KEY, ManualClock(NOW), None)
    await watch.look()
    assert REGISTRY.get_sample_value("summit_audit_broken", {"organisation": "default"}) == 1
    assert watch.broken["default"].seq == 6


async def test_retention_takes_away_what_is_past_it_and_nothing_else(store: AuditStore, pool: Pool) -> None:
    at = ManualClock(NOW + timedelta(days=12))
    await Watch(store, KEY, at, None).look()
    assert (await proven(store)).records == 10  # without the setting: for ever
    await Watch(store, KEY, at, 5).look()
    assert ((await proven(store)).head.first, (await proven(store)).records) == (8, 3)
    clock = ManualClock(NOW)
    partitions = Partitions(pool, clock, days=5)
    await partitions.make_for([NOW])
    assert await days(pool) == {f"observations_{NOW:%Y%m%d}"}
    clock.advance(12 * 86_400)
    await partitions.make_for([clock.now()])
    await partitions.retire()
    assert await days(pool) == {f"observations_{clock.now():%Y%m%d}"}


async def days(pool: Pool) -> set[str]:
    rows = await pool.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'observations'::regclass"
    )
    return {row["name"] for row in rows if row["name"] != "observations_past"}


def test_the_skew_of_a_clock_is_a_metric_with_an_alert() -> None:
    exported = {metric.name for metric in REGISTRY.collect()}
    assert {"summit_source_clock_offset_seconds", "summit_audit_broken"} <= exported
    assert next(iter(OFFSET.collect())).type == "gauge"
    if not RULES.exists():
        pytest.skip(f"{RULES.name} is not there yet, so no alert can be looked for")
    assert not missing_alerts(RULES.read_text())


@pytest.mark.planted("rules without the alerts of a broken audit and of a clock that is wrong")
def test_planted_rules_without_these_alerts_are_red() -> None:
    said = "# summit_audit_broken, summit_source_clock_offset_seconds\nexpr: up == 0\n"
    assert missing_alerts(said) == ["summit_audit_broken", "summit_source_clock_offset_seconds"]


def missing_alerts(rules: str) -> list[str]:
    """The metrics that no expression names."""
    named = {name for line in re.findall(r"expr: (.*)", rules) for name in re.findall(r"summit_\w+", line)}
    return sorted({"summit_audit_broken", "summit_source_clock_offset_seconds"} - named)
