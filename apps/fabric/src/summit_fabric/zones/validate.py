"""What types cannot say of a zone; each refusal names the field and the fix. Pure."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from summit_core.errors import InputError
from summit_core.model import Ring, Span, ZoneDraft

from summit_fabric.zones.geometry import Shape, edges_of, unwrap

POLE_DEG: Final = 89.0
WIDEST_DEG: Final = 90.0
SMALLEST_M2: Final = 1.0
POSITIONS_AT_MOST: Final = 10_000
TOUCHING_M: Final = 0.01
WHERE: Final = "geometry.coordinates"

Edges = NDArray[np.float64]


def check(draft: ZoneDraft) -> None:
    """Raises :class:`InputError`."""
    if (draft.geometry is None) == (draft.circle is None):
        raise InputError("geometry: give exactly one of geometry (a GeoJSON Polygon) and circle", field="geometry")
    floor, ceiling = draft.floor_m, draft.ceiling_m
    if floor is not None and ceiling is not None and floor >= ceiling:
        raise InputError(f"ceiling_m: {ceiling:g} m is not above floor_m, {floor:g} m", field="ceiling_m")
    if draft.anchor_at is not None and draft.anchor is None:
        raise InputError("anchor_at: means nothing without anchor; name the entity that it moves with", field="anchor")
    for number, span in enumerate(draft.schedule):
        _check_span(span, f"schedule[{number}]")
    if draft.geometry is not None:
        _check_polygon(draft.geometry.coordinates)
    elif draft.circle is not None:
        _check_holes(draft.circle.holes, Shape((), draft.circle), "circle.holes", first=0)
        _check_size(Shape(draft.circle.holes, draft.circle), "circle")


def _check_span(span: Span, field: str) -> None:
    if span.start is None and span.end is None and span.daily is None:
        raise InputError(f"{field}: says nothing; give start, end or daily, or leave it out", field=field)
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise InputError(f"{field}.end: not after start; for hours over midnight use daily", field=f"{field}.end")
    if span.daily is not None and len(set(span.daily.days)) < len(span.daily.days):
        raise InputError(f"{field}.daily.days: names a day twice", field=f"{field}.daily.days")


def _check_polygon(rings: Sequence[Ring]) -> None:
    _check_rings(rings, WHERE)
    outline = unwrap(rings[0])
    lons, lats = zip(*outline, strict=True)
    if max(lons) - min(lons) > WIDEST_DEG or max(lats) - min(lats) > WIDEST_DEG:
        raise InputError(
            f"{WHERE}[0]: wider than {WIDEST_DEG:g} degrees; are longitude and latitude in this order?",
            field=f"{WHERE}[0]",
        )
    _check_size(Shape(rings[:1], None), WHERE)
    _check_holes(rings[1:], Shape(rings[:1], None), WHERE, first=1)
    _check_size(Shape(rings, None), WHERE)


def _check_holes(holes: Sequence[Ring], outer: Shape, field: str, *, first: int) -> None:
    """Each inside the outline, and none in another."""
    if first == 0:
        _check_rings(holes, field)
    shapes = [Shape([hole], None) for hole in holes]
    for number, hole in enumerate(holes):
        name = f"{field}[{number + first}]"
        if any(outer.signed_distance(lat, lon, 1.0) < -TOUCHING_M for lon, lat in hole):
            raise InputError(f"{name}: the hole is not inside the outer boundary", field=name)
        for other, shape in enumerate(shapes):
            if other != number and any(shape.signed_distance(lat, lon, 1.0) > TOUCHING_M for lon, lat in hole):
                raise InputError(f"{name}: the hole overlaps another; make them one", field=name)


def _check_rings(rings: Sequence[Ring], field: str) -> None:
    if sum(map(len, rings)) > POSITIONS_AT_MOST:
        raise InputError(f"{field}: more than {POSITIONS_AT_MOST} positions; simplify it", field=field)
    for number, ring in enumerate(rings):
        _check_ring(ring, f"{field}[{number}]")
    crossing = first_crossing([unwrap(ring) for ring in rings])
    if crossing is not None:
        number, (lon, lat) = crossing
        raise InputError(
            f"{field}[{number}]: the boundary crosses itself near longitude {lon:.6f}, latitude {lat:.6f}",
            field=f"{field}[{number}]",
        )


def _check_ring(ring: Ring, field: str) -> None:
    if ring[0] != ring[-1]:
        raise InputError(f"{field}: not closed; repeat the first position at the end", field=field)
    if not all(math.isfinite(value) for position in ring for value in position):
        raise InputError(f"{field}: not a finite number", field=field)
    if len(set(ring)) < 3:
        raise InputError(f"{field}: fewer than three different positions", field=field)
    if any(abs(lat) > POLE_DEG for _, lat in ring):
        raise InputError(f"{field}: within a degree of a pole, where only a circle can be drawn", field=field)
    outline = unwrap(ring)
    if abs(outline[-1][0] - outline[0][0]) > 180.0:
        raise InputError(f"{field}: goes around a pole; draw a circle", field=field)


def _check_size(shape: Shape, field: str) -> None:
    if shape.area_m2 < SMALLEST_M2:
        raise InputError(f"{field}: less than {SMALLEST_M2:g} m² lies inside", field=field)


def first_crossing(outlines: Sequence[Sequence[tuple[float, float]]]) -> tuple[int, tuple[float, float]] | None:
    """The outline and the place where two edges properly cross or run along each other; edges may touch.

    Edges sorted by their southern end, each against all that begin before it ends.
    """
    reference = outlines[0][0][0] if outlines else 0.0
    rows = []
    for number, outline in enumerate(outlines):
        turn = 360.0 * round((reference - outline[0][0]) / 360.0)
        rows += [(x1 + turn, y1, x2 + turn, y2, number) for x1, y1, x2, y2 in edges_of(outline)]
    edges = np.array(rows, dtype=np.float64).reshape(-1, 5)
    south, north = edges[:, (1, 3)].min(axis=1), edges[:, (1, 3)].max(axis=1)
    order = np.argsort(south, kind="stable")
    edges, south, north = edges[order], south[order], north[order]
    until = np.searchsorted(south, north, side="right")
    for index in range(len(edges)):
        others = edges[index + 1 : until[index]]
        hit = np.flatnonzero(_cross(edges[index], others))
        if len(hit):
            return int(max(edges[index][4], others[hit[0]][4])), _between(edges[index], others[hit[0]])
    return None


def _cross(edge: Edges, others: Edges) -> NDArray[np.bool_]:
    """Which of the others cross this edge inside both, or lie along it for more than a point."""
    a, b, c, d = edge[:2], edge[2:4], others[:, :2], others[:, 2:4]
    side_c, side_d, side_a, side_b = _side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b)
    proper = (side_c * side_d < 0) & (side_a * side_b < 0)
    along = b - a
    length = float(along @ along)
    from_c, from_d = (c - a) @ along / length, (d - a) @ along / length
    overlap = np.minimum(np.maximum(from_c, from_d), 1.0) - np.maximum(np.minimum(from_c, from_d), 0.0)
    result: NDArray[np.bool_] = proper | ((side_c == 0) & (side_d == 0) & (overlap > 0))
    return result


def _side(start: Edges, end: Edges, point: Edges) -> Edges:
    """-1, 0 or 1: to which side of the line a point lies."""
    start, end, point = np.atleast_2d(start), np.atleast_2d(end), np.atleast_2d(point)
    along, away = end - start, point - start
    return np.sign(along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0])


def _between(one: Edges, other: Edges) -> tuple[float, float]:
    """A place near the crossing, to show to a person."""
    south = max(min(one[1], one[3]), min(other[1], other[3]))
    north = min(max(one[1], one[3]), max(other[1], other[3]))
    lat = (south + north) / 2
    part = 0.5 if one[3] == one[1] else (lat - one[1]) / (one[3] - one[1])
    return float(one[0] + part * (one[2] - one[0])), float(lat)
