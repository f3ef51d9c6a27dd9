"""Cases of `summit locate`: lines with bearings in, positions out, one at a time, so that memory stays bounded."""

from collections.abc import Iterator
from typing import IO, Annotated, Final

from msgspec import Meta, Struct
from summit_core import wire
from summit_core.errors import InputError, TooLargeError
from summit_core.model import Matrix2
from summit_core.model.common import Latitude, Longitude
from summit_fusion.locate import Fix, SightLine

LONGEST_LINE: Final = wire.MAX_MESSAGE_BYTES
MOST_BEARINGS: Final = 100
"""Every two lines may cross, so the work grows with the square."""


class Bearing(Struct, frozen=True):
    """A camera's direction to the thing: degrees clockwise from true north (370 and -350 are 10), one sigma of it."""

    lat: Latitude
    lon: Longitude
    azimuth_deg: Annotated[float, Meta(ge=-360.0, le=720.0)]
    sigma_deg: Annotated[float, Meta(ge=1e-6, le=90.0)]


class Case(Struct, frozen=True):
    id: Annotated[str, Meta(max_length=200)] | int
    bearings: Annotated[tuple[Bearing, ...], Meta(max_length=MOST_BEARINGS)]

    @property
    def lines(self) -> list[SightLine]:
        return [SightLine("", one.lat, one.lon, one.azimuth_deg % 360.0, one.sigma_deg) for one in self.bearings]


class Hypothesis(Struct, frozen=True):
    """A place: degrees, WGS-84; covariance east-north, square metres; posterior probability."""

    lat: float
    lon: float
    cov_m2: Matrix2
    weight: float


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``hypotheses``, best first; ``reason`` (see ``summit_fusion.locate.Fix``) says why there is doubt or no place."""

    id: str | int
    ambiguous: bool
    hypotheses: list[Hypothesis]
    reason: str | None = None

    @classmethod
    def of(cls, case: Case, fix: Fix) -> "Answer":
        places = [Hypothesis(one.lat, one.lon, one.cov_m2, one.weight) for one in fix.hypotheses]
        return cls(id=case.id, ambiguous=fix.ambiguous, hypotheses=places, reason=fix.reason)


def read(stream: IO[bytes]) -> Iterator[tuple[int, Case | InputError]]:
    """Each line that is not blank, with its number from 1, as a case or as what is wrong with it."""
    for number, line in _lines(stream):
        if len(line) > LONGEST_LINE:
            yield number, TooLargeError(f"more than {LONGEST_LINE} bytes; one case a line")
        elif line.strip():
            yield number, _case(line)


def _case(line: bytes) -> Case | InputError:
    try:
        return wire.decode(line, Case)
    except InputError as error:
        return error


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; of one that is too long only the beginning."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        yield number, line
