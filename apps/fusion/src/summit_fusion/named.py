"""What a scene is made of: tracks as the world knows them, and what one shard tells another one of them."""

from collections.abc import Iterable

import msgspec
import numpy as np
from summit_core.model import AnyObservation, Detection, Position

from summit_fusion.profile import Profile
from summit_fusion.scans import Report, ScansState
from summit_fusion.shards import Ghosts, HandOver, Ownership
from summit_fusion.shards.ground import Ground
from summit_fusion.state import State


class Named(msgspec.Struct):
    """A track as the world knows it. ``track``: its id in the shard, empty while it has none: a thing that said who it
    is once, or one that was known before a restart."""

    profile: Profile
    state: State
    track: str = ""


class Offer(msgspec.Struct):
    """A track that goes over to another shard, with all that is known of it. ``absorbed``: what operators have merged
    into it, by public id; ``nameless``: identities of these that tell the tracker nothing."""

    handover: HandOver
    named: Named | None
    absorbed: dict[str, Named] = {}
    nameless: list[str] = []


class Told(msgspec.Struct):
    """What a shard tells a neighbour of one scene, in pieces: the numbers of its tracks near the other's cells (None:
    as said before), with those that have a public id (its id in the shard, and up to when it is known); their states;
    those that are the other one's to keep."""

    recording: str | None
    ghosts: list[Ghosts] = []
    tracks: list[int] | None = None
    names: dict[str, tuple[str, float]] = {}
    offers: list[Offer] = []


class SceneState(msgspec.Struct):
    """Everything, for a checkpoint."""

    recording: str | None
    scans: ScansState
    shard: bytes
    reports: list[Report]
    tracks: dict[str, Named]
    merged: dict[str, str]
    absorbed: dict[str, Named]
    nameless: list[str]
    unshown: dict[str, list[tuple[int, float]]]
    claimed: bytes
    looked: float
    arriving: dict[str, Offer] = {}
    elsewhere: dict[str, Told] = {}


class Area:
    """The part of the earth that one process tracks: ``cells`` (H3, resolution 4), under the name ``shard``."""

    def __init__(self, shard: str, cells: frozenset[int], ownership: Ownership) -> None:
        self.shard, self.cells, self.ownership = shard, cells, ownership
        self._ground = Ground(cells)

    def concerns(self, observations: list[AnyObservation]) -> list[AnyObservation]:
        """Without the positions and detections that are farther from the cells than the halo."""
        movers = [one for one in observations if isinstance(one, Position | Detection)]
        places = [(one.lat, one.lon) for one in movers if one.lat is not None and one.lon is not None]
        lat, lon = np.array(places, np.float64).reshape(-1, 2).T.copy()
        near = self._ground.where(self._ground.kinds_of(lat, lon), lambda kind: any(map(self._ground.is_ours, kind[1])))
        far = {place for place, is_near in zip(places, near.tolist(), strict=True) if not is_near}
        return [
            one for one in observations if not isinstance(one, Position | Detection) or (one.lat, one.lon) not in far
        ]


def merged_into(id_: str, scene_merged: dict[str, str]) -> Iterable[str]:
    """Public ids that have become ``id_``, at last."""
    for gone, into in scene_merged.items():
        while into in scene_merged:
            into = scene_merged[into]
        if into == id_:
            yield gone
