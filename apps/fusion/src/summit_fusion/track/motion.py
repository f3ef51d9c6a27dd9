"""How things move: process noise and first guess of the velocity, by class, by identity or by speed."""

from dataclasses import dataclass

from summit_core.model import Position


@dataclass(frozen=True, slots=True)
class Motion:
    """``q``: power spectral density of acceleration, m2/s3. ``speed_sigma_mps``: of each component before it is
    known."""

    q: float
    speed_sigma_mps: float


PERSON = Motion(q=0.05, speed_sigma_mps=2.0)
VEHICLE = Motion(q=1.0, speed_sigma_mps=15.0)
VESSEL = Motion(q=0.05, speed_sigma_mps=8.0)
DRONE = Motion(q=4.0, speed_sigma_mps=15.0)
AIRCRAFT = Motion(q=25.0, speed_sigma_mps=120.0)

BY_CLASS: dict[str, Motion] = {
    "person": PERSON,
    "crew": PERSON,
    "pedestrian": PERSON,
    "vehicle": VEHICLE,
    "engine": VEHICLE,
    "robot": VEHICLE,
    "vessel": VESSEL,
    "boat": VESSEL,
    "ship": VESSEL,
    "drone": DRONE,
    "uas": DRONE,
    "aircraft": AIRCRAFT,
    "helicopter": AIRCRAFT,
}
BY_SCHEME: dict[str, Motion] = {"icao": AIRCRAFT, "mmsi": VESSEL}

UNKNOWN_SPEED_SIGMA_MPS = 80.0
"""With the gate at 3.7 standard deviations a first step of 250 m/s still associates."""
REPORTED_SPEED_SIGMA_MPS = 3.0
"""Of a reported course and speed, a component."""


def motion_of(class_: str | None, identities: tuple[str, ...], speed_mps: float) -> Motion:
    """The class decides, then the scheme of an identity (``icao:``…), else faster things are taken to turn harder."""
    if class_ in BY_CLASS:
        return BY_CLASS[class_]
    for identity in identities:
        if scheme(identity) in BY_SCHEME:
            return BY_SCHEME[scheme(identity)]
    return Motion(q=min(25.0, 0.5 + 0.1 * speed_mps), speed_sigma_mps=UNKNOWN_SPEED_SIGMA_MPS)


def scheme(identity: str) -> str:
    """``icao`` of ``icao:ab12cd``."""
    return identity.partition(":")[0]


def motion_for_birth(position: Position) -> Motion:
    """Motion of a thing of which this observation is all that is known."""
    identities = (position.identity,) if position.identity else ()
    return motion_of(position.class_, identities, position.speed_mps or 0.0)
