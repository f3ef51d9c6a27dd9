"""Subjects that are made from a value, each in this one place. ``streams`` says which stream holds them.

Validated observations are partitioned: ``validated.<where>.<kind>``. ``where`` is the H3 cell of resolution 3 in
hexadecimal (the ancestor of the cell that is stored; some 110 km across), ``none`` without a position, or ``mixed``
where a batch has only a few of a cell. A consumer of an area takes its cells, ``none`` and ``mixed``, and looks itself;
the order of one source's observations of one kind holds as long as it does not change cells within a batch.
"""

from typing import Final, Literal

BATCH_SUBJECT: Final = "observations.batch"
"""Observations that a service of ours has judged, as a MessagePack list, with the headers ``BATCH_HEADERS``. MQTT knows
no headers, so what a device publishes here is judged as an unknown kind."""
BATCH_HEADERS: Final = {"Summit-Door": "http", "Content-Type": "application/msgpack"}
NOWHERE: Final = "none"
MIXED: Final = "mixed"
PARTITION_RESOLUTION: Final = 3
_CLEARED: Final = ~(0xF << 52)
_SET: Final = PARTITION_RESOLUTION << 52 | (1 << 3 * (15 - PARTITION_RESOLUTION)) - 1

Kind = Literal["position", "bearing", "hotspot", "detection", "measurement", "report", "telemetry"]


def partition(cell: int) -> int:
    """The ancestor at ``PARTITION_RESOLUTION`` of a finer H3 cell: its resolution set, the finer digits all 7."""
    return cell & _CLEARED | _SET


def validated(where: int | str, kind: str) -> str:
    """The subject of validated observations of a kind in a partition."""
    return f"validated.{where:x}.{kind}" if isinstance(where, int) else f"validated.{where}.{kind}"


def validated_everywhere(*kinds: Kind) -> list[str]:
    """The filters that take these kinds, wherever they are."""
    return [f"validated.*.{kind}" for kind in kinds]
