"""Migrations as their own step: ``python -m summit_core.store.migrate``. Services never create tables."""

import os
import sys
from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import SQLAlchemyError

from summit_core.observability.logs import configure_logs, redact
from summit_core.store.revision import newest_revision

log = structlog.get_logger(__name__)


def config(url: str) -> Config:
    """Alembic's configuration, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["url"] = url
    return made


def migrate(url: str) -> None:
    """Bring the database to the newest revision. Running it again changes nothing."""
    command.upgrade(config(url), "head")


def main() -> None:
    """The job: exits 0 when the database is at our revision or ``FABRIC_SKIP_MIGRATIONS`` says to leave it, else 1.

    Its URL is ``SUMMIT_DATABASE_URL``, or stands in the file that ``SUMMIT_DATABASE_URL_FILE`` names.
    """
    configure_logs("migrate")
    if os.environ.get("FABRIC_SKIP_MIGRATIONS", "false").strip().lower() in {"true", "1", "yes"}:
        log.warning("FABRIC_SKIP_MIGRATIONS is set: the database is left as it is; services refuse another revision")
        return
    reason = _failure()
    if reason:
        log.error("cannot migrate the database that SUMMIT_DATABASE_URL names", reason=reason)
        sys.exit(1)
    log.info("the database is at the revision of this version", revision=newest_revision())


def _failure() -> str | None:
    try:
        migrate(_url())
    except (OSError, ValueError, asyncpg.PostgresError, SQLAlchemyError) as error:
        return redact(" ".join(str(error).split())) or type(error).__name__
    return None


def _url() -> str:
    path = os.environ.get("SUMMIT_DATABASE_URL_FILE")
    url = Path(path).read_text(encoding="utf-8").strip() if path else os.environ.get("SUMMIT_DATABASE_URL")
    if not url:
        raise ValueError("it is not set; set it, or SUMMIT_DATABASE_URL_FILE, to the database to migrate")
    return url


if __name__ == "__main__":
    main()
