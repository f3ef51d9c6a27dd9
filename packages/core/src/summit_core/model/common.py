"""Constrained scalars and small records that every other model file builds on.

Units and frames are in the field names: ``_m`` metres, ``_mps`` metres a second, ``_deg`` degrees, ``_s`` seconds.
Angles are clockwise from true north; positions are WGS-84; covariances are local east-north (ENU) square metres.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

KEY_PATTERN = r"^[A-Za-z0-9_:\-]{1,64}$"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
KEY_MEANS = "letters, digits, _ : - (1 to 64)"
Key = Annotated[str, Meta(pattern=KEY_PATTERN, description=KEY_MEANS)]
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
# As Key and Uuid, for what comes thousands of times a second: a pattern in a type costs as much as all the rest of the
# decoding, so ``summit_core.wire`` looks at these itself.
WireKey = Annotated[
    str, Meta(min_length=1, max_length=64, description=KEY_MEANS, extra_json_schema={"pattern": KEY_PATTERN})
]
WireUuid = Annotated[str, Meta(min_length=36, max_length=36, extra_json_schema={"pattern": UUID_PATTERN})]
Timestamp = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset; UTC on our side")]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0, description="degrees north, WGS-84")]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0, description="degrees east, WGS-84")]
Altitude = Annotated[float, Meta(ge=-1000.0, le=100_000.0, description="metres above the stated reference")]
Azimuth = Annotated[float, Meta(ge=0.0, le=360.0, description="degrees clockwise from true north")]
Speed = Annotated[float, Meta(ge=0.0, le=5000.0, description="metres a second over ground")]
Climb = Annotated[float, Meta(ge=-1000.0, le=1000.0, description="metres a second, up positive")]
Confidence = Annotated[float, Meta(ge=0.0, le=1.0, description="0 to 1")]
Sigma = Annotated[float, Meta(gt=0.0, le=1_000_000.0, description="one standard deviation, more than zero")]
Name = Annotated[str, Meta(max_length=200)]
MAX_TEXT: Final = 4000
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Matrix2 = tuple[tuple[float, float], tuple[float, float]]
"""Symmetric 2 x 2 covariance, local east-north, square metres: ((ee, en), (ne, nn))."""


class Role(StrEnum):
    """What a credential may do; the table of permissions is in ``summit_core.security.permissions``."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    COMMANDER = "commander"
    ADMINISTRATOR = "administrator"
    DEVICE = "device"
    SERVICE = "service"


DEFAULT_ORGANISATION = "default"
Organisation = Annotated[Key | None, Meta(description="whose it is; absent: the default organisation's")]
"""As it stands on objects. Absent for the default one, so that an installation with a single one pays nothing."""
Box = tuple[Longitude, Latitude, Longitude, Latitude]
"""West, south, east, north in degrees; west greater than east crosses the antimeridian."""


class Principal(Struct, frozen=True, kw_only=True):
    """Who is acting: a person, a device or a service, proved by a credential. What belongs to another organisation does
    not exist for him."""

    id: str
    name: str
    role: Role
    organisation: str = DEFAULT_ORGANISATION
    areas: tuple[Box, ...] = ()
    """What lies outside of all of them does not exist for him either; empty: everywhere."""
    scopes: tuple[str, ...] | None = None
    """The permissions that his credential is narrowed to, of those that the role grants; None: all of them."""

    @property
    def owner(self) -> str | None:
        """His organisation as it stands on objects."""
        return None if self.organisation == DEFAULT_ORGANISATION else self.organisation


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One line of the history of an incident, an alert or a task."""

    at: Timestamp
    what: Text
    by: Name
    causes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Lines are put together from words of people, who may have said as much as a text holds: what is longer than
        that nobody could read again, so it is cut."""
        if len(self.what) > MAX_TEXT:
            force_setattr(self, "what", self.what[: MAX_TEXT - 1] + "…")
