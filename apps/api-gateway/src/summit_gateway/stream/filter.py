"""Filter: which objects a client wants to see. The same from the query of an address and from a frame of a client.

Conditions hold together (and), the values of one condition are alternatives (or). A condition applies to the types
whose objects have that fact; objects of other types pass it, and ``types`` leaves them out.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace
from summit_core.errors import InputError
from summit_core.model import EntityKind, Key, Latitude, Longitude, Severity, WorldType

from summit_gateway.stream.area import Inside, box, cells_by_resolution, polygon
from summit_gateway.stream.version import ObjectKey, Version, types_with

Some = Meta(min_length=1, max_length=1000)
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Some]
Test = Callable[[Version], bool]
Condition = tuple[frozenset[WorldType], Test]
RISING: Final = (Severity.UNKNOWN, Severity.MINOR, Severity.MODERATE, Severity.SEVERE, Severity.EXTREME)
LOCATED: Final = types_with("location")
_path = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<field>\w*).*`)?$", re.DOTALL)
_unknown = re.compile(r"unknown field `(\w+)`")


class Filter(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is None does not narrow."""

    types: Annotated[tuple[WorldType, ...], Some] | None = None
    kind: Annotated[tuple[EntityKind, ...], Some] | None = None
    """Of entities."""
    class_: Names | None = field(default=None, name="class")
    bbox: tuple[Longitude, Latitude, Longitude, Latitude] | None = None
    """West, south, east, north."""
    polygon: Annotated[tuple[tuple[Longitude, Latitude], ...], Meta(min_length=3, max_length=1000)] | None = None
    h3: Names | None = None
    label: Names | None = None
    """A part of the label, its beginning (``ridge*``), or one of the tags in ``labels``; case does not matter."""
    source: Names | None = None
    severity: Annotated[tuple[Severity, ...], Some] | None = None
    severity_at_least: Severity | None = None
    owner: Names | None = None
    id: Annotated[tuple[Key, ...], Some] | None = None

    @property
    def is_lasting(self) -> bool:
        """An object matches from its first version to its last, or never."""
        return self == Filter(types=self.types, id=self.id)

    def admits(self, key: ObjectKey) -> bool:
        """What ``types`` and ``id`` say."""
        type_, id_ = key
        return (self.types is None or type_ in self.types) and (self.id is None or id_ in self.id)


EVERYTHING: Final = Filter()
NAMES: Final = tuple(one.encode_name for one in msgspec.structs.fields(Filter))


def from_json(data: bytes) -> Filter:
    """Raises :class:`InputError` that names the field."""
    try:
        return _canonical(msgspec.json.decode(data, type=Filter))
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    except (msgspec.DecodeError, RecursionError):
        raise InputError("filter: not a JSON object", field="filter") from None


def from_query(query: Mapping[str, str]) -> Filter:
    """Values are separated by commas; a polygon is ``lon,lat lon,lat …``. Raises :class:`InputError`."""
    stated: dict[str, Any] = {}
    for name, text in query.items():
        if name == "bbox":
            stated[name] = _numbers(name, text)
        elif name == "polygon":
            stated[name] = [_numbers(name, corner) for corner in text.split()]
        else:
            stated[name] = text if name == "severity_at_least" else [one.strip() for one in text.split(",")]
    try:
        return _canonical(msgspec.convert(stated, Filter))
    except msgspec.ValidationError as error:
        raise _refusal(error) from None


def conditions(wanted: Filter) -> tuple[Condition, ...]:
    """What has to hold, the cheapest first. Raises :class:`InputError` for an area that is none."""
    found: list[Condition] = []
    least = wanted.severity_at_least
    if wanted.kind is not None:
        found.append((frozenset({"entities"}), _any_of("kind", wanted.kind)))
    for name, values in (
        ("class_", wanted.class_),
        ("owner", wanted.owner),
        ("severity", wanted.severity),
        ("severity", None if least is None else RISING[RISING.index(least) :]),
    ):
        if values is not None:
            found.append((types_with(name), _any_of(name, values)))
    if wanted.source is not None:
        found.append((types_with("sources"), _shares("sources", frozenset(wanted.source))))
    if wanted.label is not None:
        found.append((types_with("label"), _labelled(wanted.label)))
    if wanted.bbox is not None:
        found.append((LOCATED, _within(box(*wanted.bbox))))
    if wanted.h3 is not None:
        found.append((LOCATED, _in_cells(cells_by_resolution(wanted.h3))))
    if wanted.polygon is not None:
        found.append((LOCATED, _within(polygon(wanted.polygon))))
    return tuple(found)


def _canonical(stated: Filter) -> Filter:
    """The same wish is the same filter, in whatever order it was said."""
    places = [*(stated.bbox or ()), *(number for corner in stated.polygon or () for number in corner)]
    if not all(map(math.isfinite, places)):
        raise InputError("bbox, polygon: send finite numbers", field="bbox" if stated.bbox else "polygon")
    lists = ("types", "kind", "class_", "h3", "label", "source", "severity", "owner", "id")
    said = {name: values for name in lists if (values := getattr(stated, name)) is not None}
    return replace(stated, **{name: tuple(sorted(set(values))) for name, values in said.items()})


def _any_of(name: str, values: tuple[str, ...]) -> Test:
    wanted = frozenset(values)
    return lambda version: version.facts is not None and getattr(version.facts, name) in wanted


def _shares(name: str, wanted: frozenset[str]) -> Test:
    return lambda version: version.facts is not None and not wanted.isdisjoint(getattr(version.facts, name))


def _labelled(values: tuple[str, ...]) -> Test:
    wanted = [value.casefold() for value in values]
    beginnings = tuple(value[:-1] for value in wanted if value.endswith("*"))
    parts = [value for value in wanted if not value.endswith("*")]

    def matches(version: Version) -> bool:
        if version.facts is None:
            return False
        label = version.facts.label.casefold()
        tags = {tag.casefold() for tag in getattr(version.facts, "labels", ())}
        return label.startswith(beginnings) or any(part in label or part in tags for part in parts)

    return matches


def _within(inside: Inside) -> Test:
    return lambda version: version.place is not None and inside(*version.place)


def _in_cells(cells: dict[int, frozenset[int]]) -> Test:
    return lambda version: any(version.cell(resolution) in wanted for resolution, wanted in cells.items())


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"{name}: send numbers of degrees, separated by commas", field=name) from None


def _refusal(error: msgspec.ValidationError) -> InputError:
    match = cast("re.Match[str]", _path.match(str(error)))  # it matches any text
    unknown = _unknown.search(match["what"])
    if unknown:
        known = ", ".join(NAMES)
        return InputError(f"{unknown[1]}: no such condition; use some of {known}", field=unknown[1])
    name = match["field"] or "filter"
    return InputError(f"{name}: {match['what']}", field=name)
