"""Partition names and bounds follow UTC days."""

from datetime import UTC, date, datetime, timedelta, timezone

from summit_fabric.partitions import create_statement, days_of


def test_days_are_utc_days_of_any_year() -> None:
    west = timezone(timedelta(hours=-8))
    times = [datetime(2020, 12, 31, 23, 0, tzinfo=west), datetime(2026, 1, 1, tzinfo=UTC)]
    assert days_of(times) == {date(2021, 1, 1), date(2026, 1, 1)}


def test_the_statement_covers_one_day() -> None:
    statement = create_statement(date(2024, 2, 29))
    assert "observations_20240229" in statement
    assert "FROM ('2024-02-29 00:00:00+00') TO ('2024-03-01 00:00:00+00')" in statement
