"""Versions of objects as the stream judges them: each fact is worked out at most once, however many clients ask."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Final

import h3.api.basic_int as h3
import msgspec
from msgspec import Raw, Struct
from summit_core import wire
from summit_core.bus import Change
from summit_core.model import WORLD_TYPES, WorldType
from summit_core.model.common import Box
from summit_core.security.places import bounds

from summit_gateway.stream import positions

ObjectKey = tuple[WorldType, str]
Members = dict[str, Raw]

REFRESH_S: Final = 5.0
"""How old everything but the position may become for those who get positions in binary."""
MOVING: Final = frozenset({"location", "kinematics", "observed_at", "heard_at", "updated_at", "updates", "causes"})
"""What changes with each step of a thing that moves, without being news."""
FACTS: Final = frozenset(
    {"kind", "class_", "label", "labels", "owner", "sources", "severity", "freshness", "location", "kinematics"}
)
decode_members = msgspec.json.Decoder(Members).decode


def types_with(field: str) -> frozenset[WorldType]:
    """The types whose objects have a field."""
    return frozenset(type_ for type_, of in WORLD_TYPES.items() if field in of.__struct_fields__)


class Version:
    """One version of one object."""

    def __init__(self, change: Change, handle: int) -> None:
        event = change.event
        self.seq = change.seq
        self.key: ObjectKey = (event.type, event.key)
        self.at: datetime = event.at
        self.body = event.body
        self.owner = event.organisation
        self.trace = event.trace
        self.handle = handle
        self._cells: dict[int, int] = {}

    @cached_property
    def facts(self) -> Any:
        """What filters look at. None for a body that is not what its type says: it matches no condition on a fact."""
        try:
            return _facts_decoder(self.key[0]).decode(self.body)
        except msgspec.DecodeError:
            return None

    @cached_property
    def place(self) -> tuple[float, float] | None:
        """Longitude and latitude."""
        location = getattr(self.facts, "location", None)
        return None if location is None else (location.lon, location.lat)

    @cached_property
    def bounds(self) -> Box | None:
        """Where it is, as far as areas of callers go. Of a body that is not what its type says nobody knows."""
        try:
            return bounds(msgspec.json.decode(self.body, type=WORLD_TYPES[self.key[0]]))
        except msgspec.DecodeError:
            return None

    @cached_property
    def record(self) -> bytes | None:
        """The position of an entity in binary."""
        if self.key[0] != "entities" or self.place is None:
            return None
        return positions.record(self.handle, self.facts)

    @cached_property
    def members(self) -> Members:
        return decode_members(self.body)

    @cached_property
    def text(self) -> str:
        """The whole ``upsert`` frame."""
        return wire.encode(self.head | {"body": self.body}).decode()

    @property
    def head(self) -> dict[str, Any]:
        """What an ``upsert`` frame begins with; ``trace`` where a caller stated one of what the object came of."""
        type_, key = self.key
        head = {"op": "upsert", "type": type_, "key": key, "seq": self.seq}
        return head if self.trace is None else head | {"trace": self.trace}

    def cell(self, resolution: int) -> int | None:
        """The H3 cell that it is in."""
        if self.place is None:
            return None
        if resolution not in self._cells:
            lon, lat = self.place
            self._cells[resolution] = h3.latlng_to_cell(lat, lon, resolution)
        return self._cells[resolution]

    def lighten(self) -> None:
        """Let go of what is quickly made again: a version of the past is rarely looked at."""
        for name in ("members", "text"):
            self.__dict__.pop(name, None)


@dataclass(eq=False)
class Step:
    """One change: what was before and what is after it. ``unknown``: nobody knows what was there before."""

    seq: int
    key: ObjectKey
    before: Version | None
    after: Version | None
    reason: str
    unknown: bool
    owner: str | None = None
    """Whose it is, also when nobody knows what was before."""

    @cached_property
    def may_be_move(self) -> bool:
        """Both versions have a position, and it is not yet time to say everything of this entity again."""
        before, after = self.before, self.after
        if before is None or after is None or before.record is None or after.record is None:
            return False
        return _turn(before) == _turn(after)

    @cached_property
    def is_move(self) -> bool:
        """Nothing but its position changed."""
        if not self.may_be_move or self.before is None or self.after is None:
            return False
        return settled(self.before.members) == settled(self.after.members)


def settled(members: dict[str, Any]) -> dict[str, Any]:
    """All but what moves."""
    return {name: value for name, value in members.items() if name not in MOVING}


def _turn(version: Version) -> int:
    """Changes every ``REFRESH_S``; the handle keeps the turns of all entities from coming at once."""
    return int(version.at.timestamp() / REFRESH_S + version.handle * 0.618)


@cache
def _facts_decoder(type_: WorldType) -> msgspec.json.Decoder[Struct]:
    """A type with those fields of an object that are facts, so that the rest is skipped and not built."""
    fields = [one for one in msgspec.structs.fields(WORLD_TYPES[type_]) if one.name in FACTS]
    members: list[Any] = [
        (one.name, one.type) if one.required else (one.name, one.type, one.default)
        for one in sorted(fields, key=lambda one: not one.required)
    ]
    renamed = {one.name: one.encode_name for one in fields}
    return msgspec.json.Decoder(msgspec.defstruct(f"{type_}_facts", members, rename=renamed, frozen=True))
