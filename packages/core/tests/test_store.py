"""The store against the real PostgreSQL: migrations are repeatable, batches idempotent, a lost server is survived."""

import asyncio
import json
import os
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from summit_core.ids import new_id
from summit_core.store import check_pool, create_pool, insert_ignoring_duplicates, insert_new
from summit_core.store import pool as pool_module
from summit_core.store.migrate import config, migrate
from summit_core.store.revision import check_revision, newest_revision

COLUMNS = ("id", "at", "door", "subject", "code", "message", "size", "payload")


def letter(identifier: str) -> tuple[object, ...]:
    return (identifier, datetime(2026, 1, 1, tzinfo=UTC), "mqtt", "observations.x", "empty", "empty", 0, b"")


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    pool = await create_pool(database_url, name="test")
    assert await check_revision(pool) is None
    await pool.close()
    connection = await asyncpg.connect(database_url)
    before = await connection.fetch("SELECT table_name FROM information_schema.tables ORDER BY 1")
    await connection.close()
    await asyncio.to_thread(migrate, database_url)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetch("SELECT table_name FROM information_schema.tables ORDER BY 1") == before
    await connection.close()


async def test_a_batch_that_comes_again_is_stored_once(database_url: str) -> None:
    pool = await create_pool(database_url, name="test")
    ids = [new_id() for _ in range(5)]
    async with pool.acquire() as connection:
        for expected, batch in ((3, ids[:3]), (0, ids[:3]), (2, [*ids, *ids])):
            async with connection.transaction():
                new = await insert_ignoring_duplicates(
                    connection, "dead_letters", COLUMNS, [letter(i) for i in batch], returning="id"
                )
            assert len(new) == expected
        assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 5
    await pool.close()


def test_the_newest_revision_is_the_end_of_the_chain_of_migrations() -> None:
    assert newest_revision() == ScriptDirectory.from_config(config("")).get_current_head()


def test_a_service_does_not_load_what_only_the_migration_needs() -> None:
    said = "import sys, summit_core.store.revision; print([name for name in sys.modules if 'alembic' in name])"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True).stdout == "[]\n"


async def test_readiness_names_an_unmigrated_database_and_an_absent_one(database_url: str) -> None:
    pool = await create_pool(database_url, name="test")
    await pool.execute("DROP TABLE alembic_version")
    assert "summit_core.store.migrate" in str(await check_revision(pool))
    await pool.close()
    nowhere = await create_pool("postgresql://nobody@127.0.0.1:1/none", name="test")
    assert "does not answer" in str(await check_pool(nowhere))
    await nowhere.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("good_for_s", [0.0, 60.0], ids=["long ago", "lately"])
async def test_the_first_query_after_a_killed_connection_succeeds(
    database_url: str, monkeypatch: pytest.MonkeyPatch, good_for_s: float
) -> None:
    """Whether its last use was long ago or just now."""
    monkeypatch.setattr(pool_module, "GOOD_FOR_S", good_for_s)
    pool = await create_pool(database_url, name="victim")
    assert await pool.fetchval("SELECT 1") == 1
    killer = await asyncpg.connect(database_url)
    victims = "FROM pg_stat_activity WHERE application_name = 'victim'"
    await killer.execute(f"SELECT pg_terminate_backend(pid) {victims}")
    while await killer.fetchval(f"SELECT count(*) {victims}"):
        pass
    await killer.close()
    assert await pool.fetchval("SELECT 2") == 2
    await pool.close()


async def test_a_connection_that_comes_back_in_a_transaction_is_out_of_it(database_url: str) -> None:
    pool = await create_pool(database_url, name="test")
    pids = set()
    for _ in range(2):
        async with pool.acquire() as connection:
            pids.add(connection.get_server_pid())
            assert not connection.is_in_transaction()
            await connection.execute("BEGIN")
    assert len(pids) == 1
    await pool.close()


def test_the_job_says_in_one_json_line_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://user:S3CRETVALUE@127.0.0.1:1/none\n")
    for setting in ({"SUMMIT_DATABASE_URL_FILE": str(tmp_path / "url")}, {}):
        code, lines = job(setting)
        assert (code, len(lines), lines[0]["level"]) == (1, 1, "error")
        assert "SUMMIT_DATABASE_URL" in lines[0]["event"]
        assert "S3CRETVALUE" not in str(lines)


def test_skipping_migrations_is_a_choice_that_is_logged() -> None:
    code, lines = job({"FABRIC_SKIP_MIGRATIONS": "true"})
    assert (code, [line["level"] for line in lines]) == (0, ["warning"])
    assert job({"FABRIC_SKIP_MIGRATIONS": "false"})[0] == 1


def job(settings: dict[str, str]) -> tuple[int, list[dict[str, str]]]:
    """Exit code and log of the migration as the process that it is in production."""
    command = [sys.executable, "-m", "summit_core.store.migrate"]
    ended = subprocess.run(command, env={"PATH": os.environ["PATH"]} | settings, capture_output=True, check=False)
    assert ended.stderr == b""
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


OBSERVED = ("id", "t", "received_at", "source", "kind", "body")


def copy_of(rows: list[tuple[str, datetime, datetime, str, str, str]]) -> bytes:
    """The rows in COPY's binary format."""
    made = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
    for identifier, *times, source, kind, body in rows:
        fields = [bytes.fromhex(identifier.replace("-", ""))]
        fields += [
            struct.pack(">q", int((at - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)) for at in times
        ]
        fields += [text.encode() for text in (source, kind, body)]
        made += struct.pack(">h", len(fields)) + b"".join(struct.pack(">i", len(one)) + one for one in fields)
    return made + b"\xff\xff"


@pytest.mark.parametrize("careful", [False, True])
async def test_what_was_there_before_is_told_and_what_is_twice_in_a_batch_is_stored_once(
    database_url: str, careful: bool
) -> None:
    pool = await create_pool(database_url, name="test")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [new_id() for _ in range(4)]
    async with pool.acquire() as connection:
        for batch, known in ((ids[:2], None), (ids[2:3] * 2, []), (ids[1:] * 2, ids[1:3]), ([], None)):
            async with connection.transaction():
                rows = [(identifier, at, at, "s", "report", "{}") for identifier in batch]
                before = await insert_new(
                    connection, "observations", OBSERVED, copy_of(rows), rows.copy, key=("t", "id"), careful=careful
                )
            assert (before is None) == (known is None)
            assert {(time, str(identifier)) for time, identifier in before or ()} == {(at, one) for one in known or ()}
        assert await connection.fetchval("SELECT count(*) FROM observations") == 4
    await pool.close()
