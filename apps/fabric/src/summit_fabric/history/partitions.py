"""Day partitions of the versions of entities: names and bounds. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

PARENT: Final = "entity_events"
DAYS_AHEAD: Final = 2


def name_of(day: date) -> str:
    return f"{PARENT}_{day:%Y%m%d}"


def create_statement(day: date) -> str:
    """Makes the partition of one UTC day where it is absent."""
    return (
        f"CREATE TABLE IF NOT EXISTS {name_of(day)} PARTITION OF {PARENT}"
        f" FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
    )


def ahead(today: date) -> list[date]:
    """The days whose partitions are made before they are needed."""
    return [today + timedelta(days=more) for more in range(DAYS_AHEAD + 1)]


def first_kept(now: datetime, days: int) -> date:
    """Days before this one are past retention."""
    return (now - timedelta(days=days)).date()


def past(names: Iterable[str], first: date) -> list[str]:
    """Those of the partitions that hold days before ``first``."""
    return sorted(name for name in names if name.startswith(f"{PARENT}_") and name < name_of(first))
