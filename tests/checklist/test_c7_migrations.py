"""C7: the migrations make the whole schema, as a step of their own, again without effect, from any older revision."""

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from summit_core.store import create_pool
from summit_core.store.migrate import config
from summit_core.store.revision import check_revision, newest_revision

ROOT = Path(__file__).parents[2]
LISTS = ("entities", "incidents", "alerts", "advisories", "tasks", "sources", "registrations", "zones", "observations")
_SCHEMA = """
    SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""


@pytest.fixture
def empty_url(postgres_server: Any) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{secrets.token_hex(6)}"
    _execute(postgres_server.url, f"CREATE DATABASE {name}")
    yield postgres_server.url.rsplit("/", 1)[0] + f"/{name}"
    _execute(postgres_server.url, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def schema(url: str) -> set[str]:
    """Columns, indexes and constraints, each as a line. Partitions carry the day they were made for: left out."""

    async def read() -> set[str]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch(_SCHEMA)
        await connection.close()
        return {row[0] for row in rows if not any(char.isdigit() for char in row[0].split(".")[0].split(" ")[0])}

    return asyncio.run(read())


def refusal(url: str) -> str | None:
    """What a service says of this database's revision; None when it takes it."""

    async def ask() -> str | None:
        pool = await create_pool(url, name="test")
        try:
            return await check_revision(pool)
        finally:
            await pool.close()

    return asyncio.run(ask())


def job(url: str, **more: str) -> int:
    """The exit code of the migration as the process that it is in a stack."""
    arguments = [sys.executable, "-m", "summit_core.store.migrate"]
    env = os.environ | {"SUMMIT_DATABASE_URL": url} | more
    return subprocess.run(arguments, env=env, stdout=subprocess.DEVNULL, check=False).returncode


def test_twice_on_an_empty_database_is_once(empty_url: str) -> None:
    assert job(empty_url) == 0
    once = schema(empty_url)
    assert len(once) > 50
    assert (job(empty_url), schema(empty_url) == once, refusal(empty_url)) == (0, True, None)


def test_step_by_step_from_the_first_release_leads_to_the_same(empty_url: str, database_url: str) -> None:
    revisions = [one.revision for one in ScriptDirectory.from_config(config("")).walk_revisions()][::-1]
    for revision in revisions:
        said = refusal(empty_url)
        assert said is not None
        assert newest_revision() in said
        command.upgrade(config(empty_url), revision)
    assert (refusal(empty_url), schema(empty_url) ^ schema(database_url)) == (None, set())


@pytest.mark.planted("a column that is missing")
def test_a_planted_difference_is_found(database_url: str, empty_url: str) -> None:
    assert job(empty_url) == 0
    _execute(empty_url, "ALTER TABLE dead_letters DROP COLUMN message")
    assert any("dead_letters.message" in line for line in schema(empty_url) ^ schema(database_url))


@pytest.mark.planted("a table that is in the way of the first migration: what fails is not swallowed, and says so")
def test_a_migration_that_fails_is_an_exit_code_and_a_line(empty_url: str) -> None:
    _execute(empty_url, "CREATE TABLE dead_letters (x int)")
    env = os.environ | {"SUMMIT_DATABASE_URL": empty_url}
    ended = subprocess.run([sys.executable, "-m", "summit_core.store.migrate"], env=env, capture_output=True, text=True)
    assert ended.returncode == 1
    lines = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    assert any(line["level"] == "error" and "dead_letters" in line["reason"] for line in lines), lines
    assert refusal(empty_url) is not None, "no service takes what is there now"


def test_skipping_is_a_choice_and_services_then_refuse(empty_url: str) -> None:
    assert job(empty_url, FABRIC_SKIP_MIGRATIONS="true") == 0
    assert "store.migrate" in str(refusal(empty_url))
    assert job(empty_url, FABRIC_SKIP_MIGRATIONS="false") == 0
    assert refusal(empty_url) is None


def test_a_wrong_password_is_an_exit_code(empty_url: str) -> None:
    user, _, at = empty_url.rpartition("@")
    assert job(f"{user}-wrong@{at}") == 1


def makes_tables(source: str) -> list[str]:
    """Lines by which a service makes a table that no migration knows."""
    lines = [line.strip() for line in source.splitlines()]
    return [
        line
        for line in lines
        if re.search(r"CREATE (UNLOGGED )?TABLE|create_all\(", line) and "PARTITION OF" not in line.upper()
    ]


@pytest.mark.planted("a service that makes a table of its own")
def test_no_service_makes_a_table() -> None:
    sources = {path.name: path.read_text() for path in ROOT.glob("apps/*/src/**/*.py")}
    assert {name: found for name, text in sources.items() if (found := makes_tables(text))} == {}
    assert makes_tables('await pool.execute("CREATE TABLE IF NOT EXISTS sources (id text)")') != []
    assert makes_tables("Base.metadata.create_all(engine)") != []


def test_every_list_answers_on_a_new_database(stack: Any) -> None:
    paths = {f"/v1/{name}": stack.ask("GET", f"/v1/{name}")[0] for name in LISTS}
    assert set(paths.values()) == {200}, paths
