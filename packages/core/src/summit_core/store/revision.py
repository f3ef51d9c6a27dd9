"""Which revision of the database this code needs, without the tools that migrate: a service only compares."""

from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from summit_core.store.pool import Pool

VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"


@cache
def newest_revision() -> str:
    """Migrations are files ``<revision>_<name>.py``, numbered in their order."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


async def check_revision(pool: Pool) -> str | None:
    """Readiness: None when the database is at our revision, else what to do about it."""
    try:
        present = await pool.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        present = None
    if present == newest_revision():
        return None
    return f"database is at revision {present}, not {newest_revision()}: run python -m summit_core.store.migrate"
