"""An item of an export: an observation or a version of an object, with its time and place. Pure."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct, field
from summit_core import geo, wire
from summit_core.model.common import Matrix2

from summit_fabric.history.area import Area
from summit_fabric.history.past import Observed
from summit_fabric.history.version import Version, spot

OBSERVATIONS = "observations"


class Item(NamedTuple):
    """``at``: when it was observed, or when the change was made. ``stored_at``: when it was known here."""

    type: str
    key: str
    seq: int | None
    at: datetime
    stored_at: datetime
    lat: float | None
    lon: float | None
    body: Raw

    def within(self, area: Area | None) -> bool:
        if area is None:
            return True
        return self.lat is not None and self.lon is not None and area.holds(self.lat, self.lon)


class _Location(Struct, frozen=True):
    alt_m: float | None = None
    cov_m2: Matrix2 | None = None


class _Kinematics(Struct, frozen=True):
    speed_mps: float | None = None
    course_deg: float | None = None


class Facts(Struct, frozen=True):
    """What tables and maps show of any object, where it says so."""

    kind: Any = None
    class_: Any = field(default=None, name="class")
    label: Any = None
    title: Any = None
    name: Any = None
    state: Any = None
    source: Any = None
    sources: Any = None
    owner: Any = None
    alt_m: float | None = None
    sigma_m: float | None = None
    cov_m2: Matrix2 | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    location: _Location | None = None
    kinematics: _Kinematics | None = None
    quantity: Any = None
    value: Any = None
    unit: Any = None
    text: Any = None
    received_at: datetime | None = None
    observed_at: datetime | None = None

    @property
    def heading(self) -> str:
        return str(self.label or self.title or self.name or "")

    @property
    def altitude(self) -> float | None:
        return self.location.alt_m if self.location else self.alt_m

    @property
    def motion(self) -> tuple[float | None, float | None]:
        """Speed over ground (m/s), course (degrees)."""
        moving = self.kinematics
        return (moving.speed_mps, moving.course_deg) if moving else (self.speed_mps, self.course_deg)

    @property
    def radius_m(self) -> float | None:
        """Semi-major axis of the 95 % error ellipse."""
        cov = self.location.cov_m2 if self.location else self.cov_m2
        if cov is None and self.sigma_m is not None:
            cov = ((self.sigma_m**2, 0.0), (0.0, self.sigma_m**2))
        return None if cov is None else round(geo.ellipse(cov)[0], 2)

    @property
    def said_by(self) -> str:
        return str(self.source or self.owner or "")


_facts = msgspec.json.Decoder(Facts).decode


def facts(item: Item) -> Facts:
    try:
        return _facts(item.body)
    except msgspec.DecodeError:
        return Facts()


def of_version(version: Version) -> Item | None:
    """None where the object left."""
    if version.body is None:
        return None
    lat, lon = spot(version.body)
    return Item(version.type, version.key, version.seq, version.at, version.stored_at, lat, lon, version.body)


def of_observation(observed: Observed) -> Item:
    body = Raw(observed.body)
    lat, lon = spot(body)
    stated = wire.decode(observed.body, _Received)
    return Item(OBSERVATIONS, str(observed.id), None, observed.t, stated.received_at or observed.t, lat, lon, body)


class _Received(Struct, frozen=True):
    received_at: datetime | None = None
