"""What one observation says about its source as a thing in the picture: an asset, or a sensor. Pure."""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace
from summit_core.model import (
    AnyObservation,
    Bearing,
    Entity,
    EntityKind,
    Freshness,
    Health,
    Kinematics,
    Location,
    Measurement,
    Telemetry,
)

OWNER: Final = "fabric"
LINK_LOST: Final = "link lost (last will)"
READINGS_SHOWN: Final = 12


def absorb(known: Entity | None, observation: AnyObservation) -> Entity | None:
    """The entity after this observation; None when there is none and this does not make one."""
    if isinstance(observation, Telemetry):
        return _from_telemetry(_base(known, observation), observation)
    if isinstance(observation, Bearing | Measurement):
        if known is not None and known.kind == "asset":
            return _heard(known, observation)
        base = _base(known, observation)
        return _from_bearing(base, observation) if isinstance(observation, Bearing) else _reading(base, observation)
    return None if known is None else _heard(known, observation)


def aged(entity: Entity, freshness: Freshness, now: datetime) -> Entity:
    """The entity after a silence."""
    return replace(entity, freshness=freshness, updated_at=now)


def link_lost(entity: Entity, now: datetime) -> Entity:
    """The broker gave us the last will of the device."""
    return replace(aged(entity, "lost", now), health=replace(entity.health or Health(), activity=LINK_LOST))


def substance(entity: Entity) -> Entity:
    """The entity without its clocks and counters: two versions that differ in those only look the same."""
    epoch = datetime.min.replace(tzinfo=UTC)
    return replace(entity, observed_at=epoch, heard_at=epoch, updated_at=epoch, updates=0, causes=(), ignored=None)


def _heard_at(observation: AnyObservation) -> datetime:
    return observation.received_at or observation.observed_at


def _base(known: Entity | None, observation: AnyObservation) -> Entity:
    """The envelope: clocks, label, cause."""
    heard_at = _heard_at(observation)
    kind: EntityKind = "sensor"
    return Entity(
        id=observation.source,
        kind=known.kind if known else kind,
        owner=OWNER,
        observed_at=observation.observed_at,
        heard_at=heard_at,
        updated_at=heard_at,
        label=observation.label or (known.label if known else ""),
        class_=known.class_ if known else None,
        location=known.location if known else None,
        health=known.health if known else None,
        capabilities=known.capabilities if known else (),
        sources=(observation.source,),
        updates=(known.updates if known else 0) + 1,
        recording=observation.recording,
        organisation=observation.organisation,
        causes=(str(observation.id),),
        ignored=known.ignored if known else None,
    )


def _heard(known: Entity, observation: AnyObservation) -> Entity:
    """It spoke, though not about itself: it is alive."""
    health = known.health
    if health is not None and health.activity == LINK_LOST:
        health = replace(health, activity=None)
    heard_at = max(known.heard_at, _heard_at(observation))
    return replace(known, heard_at=heard_at, updated_at=heard_at, freshness="live", health=health)


def _from_telemetry(base: Entity, said: Telemetry) -> Entity:
    return replace(
        base,
        kind="sensor" if said.category == "sensor" else "asset",
        class_=said.category,
        location=Location(lat=said.lat, lon=said.lon, alt_m=said.alt_m),
        kinematics=Kinematics(speed_mps=said.speed_mps, course_deg=said.course_deg, climb_mps=said.climb_mps),
        health=Health(
            battery=said.battery,
            endurance_s=said.endurance_s,
            cruise_mps=said.cruise_mps,
            activity=said.activity or (_kept_readings(base.health) if said.category == "sensor" else None),
        ),
        capabilities=said.capabilities,
        home=said.home,
        task=said.task,
    )


def _from_bearing(base: Entity, said: Bearing) -> Entity:
    location = Location(lat=said.lat, lon=said.lon, alt_m=said.alt_m)
    health = base.health
    if health is not None and health.activity == LINK_LOST:
        health = replace(health, activity=None)
    return replace(base, class_=base.class_ or "camera", location=location, health=health)


def _reading(base: Entity, said: Measurement) -> Entity:
    location = base.location
    if said.lat is not None and said.lon is not None:
        location = Location(lat=said.lat, lon=said.lon, alt_m=said.alt_m)
    activity = _with_reading(_kept_readings(base.health), said)
    health = replace(base.health or Health(), activity=activity)
    return replace(base, class_=base.class_ or "station", location=location, health=health)


def _kept_readings(health: Health | None) -> str | None:
    return None if health is None or health.activity == LINK_LOST else health.activity


def _with_reading(shown: str | None, said: Measurement) -> str:
    """The latest value of each quantity as one line: ``relative_humidity 18 %, wind_speed 8.2 m/s``."""
    readings = dict(part.partition(" ")[::2] for part in (shown or "").split(", ") if " " in part)
    readings.pop(said.quantity, None)
    latest = {said.quantity: f"{said.value:g} {said.unit.replace(',', ' ').strip()}"}
    kept = list(readings.items())[-(READINGS_SHOWN - 1) :]
    return ", ".join(f"{quantity} {value}" for quantity, value in sorted([*kept, *latest.items()]))
