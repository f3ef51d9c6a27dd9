"""When a zone holds: over midnight, on days, within bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.model import Daily, Span
from summit_fabric.zones.schedule import holds, next_edge

FRIDAY = datetime(2026, 7, 3, tzinfo=UTC)
NIGHTS = (Span(daily=Daily(begins="22:00", ends="06:00", days=(4,))),)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (21.99, False),
        (22.0, True),
        (23.99, True),
        (24.0, True),
        (29.99, True),
        (30.0, False),
        (46.0, False),
        (-1, False),
    ],
)
def test_a_friday_night_ends_on_saturday_morning(hours: float, expected: bool) -> None:
    assert holds(NIGHTS, FRIDAY + timedelta(hours=hours)) is expected


def test_the_edges_of_a_night_come_one_after_the_other() -> None:
    begins = next_edge(NIGHTS, FRIDAY)
    assert begins == FRIDAY + timedelta(hours=22)
    assert begins is not None
    ends = next_edge(NIGHTS, begins)
    assert ends == FRIDAY + timedelta(hours=30)
    assert ends is not None
    assert next_edge(NIGHTS, ends) == begins + timedelta(days=7)


def test_whole_days_and_bounds() -> None:
    weekend = (
        Span(start=FRIDAY, end=FRIDAY + timedelta(days=7), daily=Daily(begins="00:00", ends="00:00", days=(5, 6))),
    )
    assert [holds(weekend, FRIDAY + timedelta(days=day, hours=12)) for day in range(9)] == [
        *(False, True, True, False, False, False, False),
        *(False, False),
    ]
    assert holds((), FRIDAY)
    assert next_edge((), FRIDAY) is None
    assert next_edge((Span(end=FRIDAY),), FRIDAY) is None


times = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1)).map(lambda at: at.replace(tzinfo=UTC))
clock = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59))
spans = st.builds(
    Span,
    start=st.none() | times,
    end=st.none() | times,
    daily=st.none() | st.builds(Daily, begins=clock, ends=clock, days=st.sets(st.integers(0, 6)).map(tuple)),
)


@given(st.lists(spans, min_size=1, max_size=3), times, st.lists(st.floats(0.0, 0.999), max_size=8))
def test_nothing_changes_before_the_next_edge(schedule: list[Span], at: datetime, parts: list[float]) -> None:
    edge = next_edge(schedule, at) or at + timedelta(days=8)
    assert edge > at
    assert {holds(schedule, at + (edge - at) * part) for part in parts} <= {holds(schedule, at)}
