"""A version: one state of one object of the world, as the stream stored it. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import asdict
from summit_core.bus import Delivery
from summit_core.model import WorldEvent, WorldType
from summit_core.model.common import Key, Timestamp, Uuid

ENTITY_LIVES: Final = timedelta(hours=6)
"""After so long without a new version an entity is gone from the picture: its owner has ended it, or the upkeep of the
world model has, which is a little faster."""
QUARTER: Final = timedelta(hours=6)
MADE_BY_PEOPLE: Final = "operator"
"""The owner of entities that have no time to live."""
COLUMNS: Final = ("stored_at", "seq", "key", "id", "source", "at", "reason", "causes", "organisation", "body")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Version(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``body`` is absent where the object left. Ordered by ``(stored_at, seq)``."""

    type: WorldType
    key: str
    seq: int
    stored_at: Timestamp
    id: str
    source: str
    at: Timestamp
    reason: Literal["deleted", "expired", "merged"] | None = None
    causes: tuple[str, ...] = ()
    organisation: str | None = None
    body: Raw | None = None


class _Line(Struct, frozen=True, kw_only=True):
    """A version as JSON; msgspec has no raw value that may be absent."""

    type: WorldType
    key: Key
    seq: int
    stored_at: Timestamp
    id: Uuid
    source: str
    at: Timestamp
    reason: Literal["deleted", "expired", "merged"] | None = None
    causes: tuple[str, ...] = ()
    organisation: str | None = None
    body: Raw = Raw(b"null")


class _Spot(Struct, frozen=True):
    lat: float
    lon: float


class _Rings(Struct, frozen=True):
    coordinates: tuple[tuple[tuple[float, float], ...], ...]


class _Placed(Struct, frozen=True):
    """What of any object says where it is, and whose it is."""

    owner: str | None = None
    location: _Spot | None = None
    target: _Spot | None = None
    circle: _Spot | None = None
    geometry: _Rings | None = None
    lat: float | None = None
    lon: float | None = None


_placed = msgspec.json.Decoder(_Placed).decode
_event = msgspec.json.Decoder(WorldEvent).decode
_line = msgspec.json.Decoder(_Line).decode


def read(delivery: Delivery, data: bytes) -> Version:
    """``data``: the event as it may be stored. Raises :class:`msgspec.DecodeError`."""
    event = _event(data)
    return Version(
        type=event.type,
        key=event.key,
        seq=delivery.seq,
        stored_at=delivery.timestamp,
        id=event.id,
        source=event.source,
        at=event.at,
        reason=event.reason,
        causes=event.causes,
        organisation=event.organisation,
        body=None if event.op == "delete" else event.body,
    )


def from_line(data: bytes) -> Version:
    """A version as :func:`summit_core.wire.encode` writes it. Raises :class:`msgspec.DecodeError`."""
    said = asdict(_line(data))
    return Version(**{**said, "body": None if bytes(said["body"]) == b"null" else said["body"].copy()})


def placed(body: Raw | None) -> _Placed:
    """Nothing where the body says nothing of the kind."""
    try:
        return _placed(body or b"{}")
    except msgspec.DecodeError:
        return _Placed()


def lasts(version: Version) -> bool:
    """Whether it stays in the picture until something else is said of it."""
    return version.type != "entities" or placed(version.body).owner == MADE_BY_PEOPLE


def spot(body: Raw | None) -> tuple[float | None, float | None]:
    """Latitude, longitude of an object: of a zone its middle, of a task its target."""
    found = placed(body)
    one = found.location or found.target or found.circle
    if one is not None:
        return one.lat, one.lon
    if found.geometry is not None:
        lons, lats = zip(*found.geometry.coordinates[0], strict=True)
        return (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    return found.lat, found.lon


def row(version: Version) -> tuple[Any, ...]:
    """In the order of ``COLUMNS``."""
    body = None if version.body is None else bytes(version.body).decode()
    return (
        *(version.stored_at, version.seq, version.key, version.id, version.source, version.at, version.reason),
        *(list(version.causes), version.organisation, body),
    )


def from_row(stored: Any, type_: WorldType) -> Version:
    """The inverse of :func:`row`."""
    return Version(
        type=type_,
        key=stored["key"],
        seq=stored["seq"],
        stored_at=stored["stored_at"],
        id=str(stored["id"]),
        source=stored["source"],
        at=stored["at"],
        reason=stored["reason"],
        causes=tuple(stored["causes"]),
        organisation=stored["organisation"],
        body=None if stored["body"] is None else Raw(stored["body"].encode()),
    )


def quarter(at: datetime) -> datetime:
    """The start of the quarter of a day (UTC)."""
    return at - (at - _EPOCH) % QUARTER


def order(version: Version) -> tuple[datetime, int]:
    return version.stored_at, version.seq


def newest(versions: Sequence[Version]) -> Version | None:
    """The last of them."""
    return max(versions, key=order, default=None)
