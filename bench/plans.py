"""What the database did for a request: the statements that it logged, and how it executes them with those values."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

_entry = re.compile(
    r"LOG:  duration: [\d.]+ ms  execute [^:]+: (?P<text>.*?)(?=\n\d{4}-\d\d-\d\d )"
    r"(?:\n[^\n]*?DETAIL:  Parameters: (?P<values>[^\n]*))?",
    re.DOTALL,
)
_value = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")


class Plan:
    """The plan of one statement: which indexes and which whole tables it reads."""

    def __init__(self, statement: str, tree: dict[str, Any]) -> None:
        self.statement = " ".join(statement.split())
        self.indexes: set[str] = set()
        self.whole_tables: set[str] = set()
        self._walk(tree)

    def _walk(self, node: dict[str, Any]) -> None:
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan":
            self.whole_tables.add(node["Relation Name"])
        for child in node.get("Plans", ()):
            self._walk(child)


@asynccontextmanager
async def logged(connection: asyncpg.Connection, log: Path) -> AsyncIterator[list[tuple[str, list[str]]]]:
    """The statements, with the values of their parameters, that are executed inside the block."""
    found: list[tuple[str, list[str]]] = []
    await _log_everything(connection, "0")
    start = len(_read(log))
    try:
        yield found
    finally:
        await _log_everything(connection, "-1")
        text = _read(log)[start:].decode(errors="replace") + "\n0000-00-00 "
        found += [(one["text"], _value.findall(one["values"] or "")) for one in _entry.finditer(text)]


async def explain(connection: asyncpg.Connection, statement: str, values: list[str]) -> Plan:
    """The plan that the database makes for these values."""
    await connection.execute(f"PREPARE asked AS {statement}")
    arguments = f"({', '.join(values)})" if values else ""
    rows = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE asked{arguments}")
    await connection.execute("DEALLOCATE asked")
    return Plan(statement, json.loads(rows[0][0])[0]["Plan"])


def _read(log: Path) -> bytes:
    return log.read_bytes()


async def _log_everything(connection: asyncpg.Connection, milliseconds: str) -> None:
    """Of all sessions, also those that are open: a reload reaches them before their next statement."""
    await connection.execute(f"ALTER SYSTEM SET log_min_duration_statement = {milliseconds}")
    await connection.execute("ALTER SYSTEM SET log_parameter_max_length = -1")
    await connection.execute("SELECT pg_reload_conf()")
    while await connection.fetchval("SHOW log_min_duration_statement") != milliseconds:
        await connection.execute("SELECT pg_sleep(0.05)")
