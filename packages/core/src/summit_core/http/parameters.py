"""Types of query parameters that every service means alike."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 12, 31, tzinfo=UTC)


def within(moment: datetime) -> datetime:
    """The same in UTC; raises ValueError near the ends of the calendar."""
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("send a time of the years 1900 to 9998")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(within)]
"""In UTC, and so far from the ends of the calendar that days may be added and taken away."""
