"""Lineage: what anything rests on, back to the raw observations."""

from msgspec import Struct, field

from summit_core.model.common import Timestamp


class LineageNode(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``type`` is that of an object of the world, ``override``, ``observation``, or ``unknown`` (not recorded yet)."""

    id: str
    type: str
    title: str
    at: Timestamp | None
    source: str | None = None


class LineageEdge(Struct, frozen=True):
    """``from_`` rests on ``to``."""

    from_: str = field(name="from")
    to: str


class Lineage(Struct, frozen=True, kw_only=True):
    """``truncated``: there is more than is shown."""

    id: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    truncated: bool = False
