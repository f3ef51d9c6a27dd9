"""What a list is narrowed to. Pure: tests of one object; all of them must hold."""

from collections.abc import Callable, Mapping

from summit_core.errors import InputError
from summit_core.model import Entity, WorldObject

from summit_gateway.stream.area import box

Test = Callable[[WorldObject], bool]
EntityTest = Callable[[Entity], bool]


def having(fields: Mapping[str, str]) -> list[Test]:
    """Fields that have exactly these values."""

    def of(name: str, value: str) -> Test:
        return lambda one: bool(getattr(one, name) == value)

    return [of(name, value) for name, value in fields.items()]


def of_entity(test: EntityTest) -> Test:
    """As a test of any object, which only an entity can pass."""
    return lambda one: isinstance(one, Entity) and test(one)


def labelled(text: str) -> EntityTest:
    """Alternatives between commas: a part of the label, its beginning (``ridge*``), or a tag; case is no matter."""
    wanted = [value.strip().casefold() for value in text.split(",")]
    beginnings = tuple(value[:-1] for value in wanted if value.endswith("*"))
    parts = [value for value in wanted if not value.endswith("*")]

    def matches(entity: Entity) -> bool:
        label = entity.label.casefold()
        tags = {tag.casefold() for tag in entity.labels}
        return label.startswith(beginnings) or any(part in label or part in tags for part in parts)

    return matches


def called(text: str) -> EntityTest:
    """An alias as ``scheme:value``, or an identity that its sources report (``icao:ab12cd``); case is no matter."""
    scheme, colon, value = (part.casefold() for part in text.partition(":"))
    if not (scheme and colon and value):
        raise InputError("alias: send scheme:value, such as icao:ab12cd", field="alias")
    name = f"{scheme}:{value}"

    def matches(entity: Entity) -> bool:
        return any(
            alias.scheme.casefold() == scheme and alias.value.casefold() == value for alias in entity.aliases
        ) or any(identity.casefold() == name for identity in entity.identities)

    return matches


def heard_by(source: str) -> EntityTest:
    return lambda entity: source in entity.sources


def inside(text: str) -> EntityTest:
    """``west,south,east,north`` in degrees, borders included."""
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise InputError("bbox: send west,south,east,north in degrees, separated by commas", field="bbox") from None
    if not (abs(west) <= 180.0 and abs(east) <= 180.0 and abs(south) <= 90.0 and abs(north) <= 90.0):
        raise InputError("bbox: longitudes are -180 to 180, latitudes -90 to 90", field="bbox")
    within = box(west, south, east, north)
    return lambda entity: entity.location is not None and within(entity.location.lon, entity.location.lat)
