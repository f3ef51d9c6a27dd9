"""Row-level security: a query that forgets to ask whose a row is still finds nothing of others."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from summit_core.ids import new_id
from summit_core.model import Principal, Role
from summit_core.security.acting import act_for
from summit_core.store import create_pool, create_reading_pool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = (
    *("observations", "world_events", "entity_keys", "world_keys", "crossings", "dead_letters", "sources", "bundles"),
    *("bundle_events", "bundle_observations", "bundle_sources"),
)


async def _fill(connection: asyncpg.Connection, owner: str | None) -> None:
    """One row of everything for an organisation; None is the default one."""
    name, one = owner or "ours", new_id()
    rows = {
        "observations": ("id, t, received_at, source, kind, body", (one, NOW, NOW, name, "report", "{}")),
        "world_events": (
            "type, stored_at, seq, key, id, source, at, causes",
            ("zones", NOW, hash(name) % 10_000, name, one, "x", NOW, []),
        ),
        "entity_keys": ("quarter, key", (NOW, name)),
        "world_keys": ("type, key", ("zones", name)),
        "crossings": ("id, seq, zone, entity, body", (one, 1, "z", "e", "{}")),
        "dead_letters": (
            "id, at, door, subject, code, message, size, payload",
            (one, NOW, "http", "x", "empty", "x", 0, b""),
        ),
        "sources": ("id, account, updated_at", (name, "{}", NOW)),
        "bundles": (
            "id, incident, title, since, until, imported_at, imported_by, parts",
            (name, "i", "t", NOW, NOW, NOW, "x", "[]"),
        ),
        "bundle_events": (
            "bundle, type, stored_at, seq, key, id, source, at, causes",
            (name, "zones", NOW, 1, name, one, "x", NOW, []),
        ),
    }
    for table, (columns, values) in rows.items():
        marks = ", ".join(f"${number}" for number in range(1, len(values) + 2))
        await connection.execute(f"INSERT INTO {table} ({columns}, organisation) VALUES ({marks})", *values, owner)
    await connection.execute("INSERT INTO bundle_observations VALUES ($1, $2, $3, '{}')", name, NOW, one)
    await connection.execute("INSERT INTO bundle_sources VALUES ($1, 'cam', '{}')", name)


async def test_a_read_that_asks_for_everything_gets_its_own(database_url: str) -> None:
    owner = await create_pool(database_url, name="test")
    reads = await create_reading_pool(database_url, name="test", max_size=1)
    async with owner.acquire() as connection:
        for organisation in (None, "north", "south"):
            await _fill(connection, organisation)

    async def count(table: str, organisation: str | None) -> int:
        if organisation is not None:
            act_for(Principal(id="a", name="a", role=Role.VIEWER, organisation=organisation))
        return int(await reads.fetchval(f"SELECT count(*) FROM {table}"))

    for table in TABLES:
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 3, "without the policies all are found"
        for organisation, expected in ((None, 0), ("default", 1), ("north", 1), ("west", 0), ("", 0)):
            # a task of its own, so that nobody acts for whom the one before did
            assert await asyncio.create_task(count(table, organisation)) == expected, (table, organisation)
    names = await asyncio.create_task(_names(reads, "north"))
    assert names == ["north"]
    await owner.close()
    await reads.close()


async def _names(reads: asyncpg.Pool, organisation: str) -> list[str]:
    act_for(Principal(id="a", name="a", role=Role.VIEWER, organisation=organisation))
    return [row["id"] for row in await reads.fetch("SELECT id FROM sources")]


async def test_the_reader_can_neither_write_nor_go_around(database_url: str) -> None:
    reads = await create_reading_pool(database_url, name="test")
    row = await reads.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    assert tuple(row) == (False, False)
    forbidden = ("SELECT * FROM api_keys", "SELECT * FROM observations_past", "DELETE FROM sources", "TABLE users")
    for statement in forbidden:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reads.execute(statement)
    await reads.close()


async def test_every_table_with_an_organisation_that_readers_see_has_a_policy(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        "SELECT c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS policy"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND has_table_privilege('summit_reader', c.oid, 'SELECT')"
    )
    await connection.close()
    assert {row["relname"] for row in rows} >= set(TABLES)
    assert all(row["relrowsecurity"] and row["policy"] for row in rows), "readable, and open to everybody"
