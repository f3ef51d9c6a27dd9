"""What shards tell each other of tracks near their border. Plain values: they go over any wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ghosts:
    """Tracks of another shard that the receiver must know of, so that their detections make no second track.

    ``state``: where they are now, and each as it was some seconds before (as old as late data may be), before the scan
    of ``sensor`` at ``time`` (unix seconds), in the chart of region ``region`` (H3, resolution 1). The receiver goes on
    from there with the detections that it has.
    """

    region: int
    time: float
    sensor: str
    state: bytes
    tracks: tuple[int, ...] = ()
    """Their numbers."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A track that has gone over to ``cell`` (H3, resolution 4). It is the receiver's once the registry says so."""

    id: str
    epoch: int
    cell: int
    track: Ghosts
    pinned: bool = False
