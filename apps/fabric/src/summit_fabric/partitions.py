"""Day partitions of the observations: names and bounds. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta


def days_of(times: Iterable[datetime]) -> set[date]:
    """The UTC days that these times fall on."""
    return {time.astimezone(UTC).date() for time in times}


def create_statement(day: date) -> str:
    """Makes the partition of one UTC day where it is absent."""
    return (
        f"CREATE TABLE IF NOT EXISTS observations_{day:%Y%m%d} PARTITION OF observations"
        f" FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
    )
