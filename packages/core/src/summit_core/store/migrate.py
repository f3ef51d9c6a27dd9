"""Migrations as their own step: ``python -m summit_core.store.migrate``. Services never create tables."""

import os
import sys
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from summit_core.observability.logs import redact
from summit_core.store.pool import Pool


def config(url: str) -> Config:
    """Alembic's configuration, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["url"] = url
    return made


def migrate(url: str) -> None:
    """Bring the database to the newest revision. Running it again changes nothing."""
    command.upgrade(config(url), "head")


def newest_revision() -> str:
    """The revision that this code needs."""
    return str(ScriptDirectory.from_config(config("")).get_current_head())


async def check_revision(pool: Pool) -> str | None:
    """Readiness: None when the database is at our revision, else what to do about it."""
    try:
        present = await pool.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        present = None
    if present == newest_revision():
        return None
    return f"database is at revision {present}, not {newest_revision()}: run python -m summit_core.store.migrate"


def main() -> None:
    url = os.environ.get("SUMMIT_DATABASE_URL")
    if not url:
        sys.exit("SUMMIT_DATABASE_URL is not set; set it to the database to migrate")
    try:
        migrate(url)
    except (OSError, asyncpg.PostgresError, SQLAlchemyError) as error:
        reason = redact(" ".join(str(error).split())) or type(error).__name__
        sys.exit(f"cannot migrate the database that SUMMIT_DATABASE_URL names: {reason}")


if __name__ == "__main__":
    main()
