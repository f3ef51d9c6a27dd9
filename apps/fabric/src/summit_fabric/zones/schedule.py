"""When a zone holds. Pure; all times are UTC."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from summit_core.model import Daily, Span

DAY: Final = timedelta(days=1)


def holds(schedule: Sequence[Span], at: datetime) -> bool:
    """Whether one of the spans covers the moment; without any it always holds."""
    return not schedule or any(_covers(span, at) for span in schedule)


def next_edge(schedule: Sequence[Span], after: datetime) -> datetime | None:
    """The next moment at which it may begin or end; None when there is none within eight days, and nothing changes."""
    edges = (edge for span in schedule for edge in _edges(span, after) if edge > after)
    return min(edges, default=None)


def _covers(span: Span, at: datetime) -> bool:
    if (span.start is not None and at < span.start) or (span.end is not None and at >= span.end):
        return False
    if span.daily is None:
        return True
    midnight = _midnight(at)
    return any(begins <= at < ends for begins, ends in _hours(span.daily, midnight, range(-1, 1)))


def _edges(span: Span, after: datetime) -> Iterator[datetime]:
    if span.start is not None:
        yield span.start
    if span.end is not None:
        yield span.end
    if span.daily is not None:
        for hours in _hours(span.daily, _midnight(after), range(-1, 9)):
            yield from hours


def _hours(daily: Daily, midnight: datetime, days: range) -> Iterator[tuple[datetime, datetime]]:
    """From when to when it holds on days counted from the one of ``midnight``."""
    begins, ends = _since_midnight(daily.begins), _since_midnight(daily.ends)
    for offset in days:
        day = midnight + offset * DAY
        if not daily.days or day.weekday() in daily.days:
            yield day + begins, day + ends + (DAY if ends <= begins else timedelta())


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _since_midnight(time: str) -> timedelta:
    return timedelta(hours=int(time[:2]), minutes=int(time[3:]))
