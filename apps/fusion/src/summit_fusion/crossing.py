"""Tracks of a scene that cross the border between two shards. Pure: `exchange` carries what is said.

The tracker's part is in `shards`; here it is the rest of a track that moves with it: its public id, who reported it,
what operators have said of it. A shard shows what it owns by the registry, and a public id that two shards know is of
the one that has heard of it later, or else of the older track.
"""

import math
from collections.abc import Set

import numpy as np

from summit_fusion.named import Offer, Told, merged_into
from summit_fusion.scene import Scene
from summit_fusion.shards import HandOver, border
from summit_fusion.shards.ids import number, ulid

LATER_S = 3.0
"""Who has heard of a thing so much later than somebody else knows better where it is."""


def tell(scene: Scene, cells: Set[int]) -> Told:
    """What a neighbour with these cells must know."""
    shard, ground = scene.shard, scene.shard.ground
    told = Told(scene.recording, shard.ghosts_for(frozenset(cells)))
    tracked = [(id_, named) for id_, named in scene.tracks.items() if named.track]
    places = np.array([(named.state.lat, named.state.lon) for _, named in tracked]).reshape(-1, 2).T.copy()
    near = ground.where(ground.kinds_of(*places), lambda kind: not kind[1].isdisjoint(cells))
    told.tracks = [track for ghost in told.ghosts for track in ghost.tracks]
    told.names = {tracked[k][0]: (tracked[k][1].track, tracked[k][1].state.at) for k in np.flatnonzero(near).tolist()}
    told.offers = [_offer(scene, one) for one in shard.leaving() if one.cell in cells]
    return told


def hear(scene: Scene, neighbour: str, told: Told) -> list[Offer]:
    """Know of a neighbour's tracks; returns the offers that are new. They wait in the scene until ``take_over``."""
    scene.shard.show_ghosts(told.ghosts)
    if told.tracks is not None:
        scene.elsewhere[neighbour] = Told(told.recording, tracks=told.tracks, names=told.names)
    for id_, (track, at) in told.names.items():
        ours = scene.tracks.get(id_)
        if ours is None or ours.track == track:
            continue
        if ours.track and (ours.state.at > at + LATER_S or (ours.state.at > at - LATER_S and ours.track < track)):
            continue
        found = scene.shard.find(ours.track) if ours.track else None
        if found is not None:
            found[0].tracker.drop(np.array([number(ours.track)]))
        scene.let_go(id_)
    fresh = [one for one in told.offers if one.handover.id not in scene.arriving and not _has(scene, one.handover.id)]
    scene.arriving.update((one.handover.id, one) for one in fresh)
    return fresh


def take_over(scene: Scene) -> None:
    """Own what the registry has given to us, as soon as our data reach as far as what is told of it."""
    for track, offer in list(scene.arriving.items()):
        if scene.shard.accept(offer.handover):
            del scene.arriving[track]
            _welcome(scene, offer)


def heed(scene: Scene) -> None:
    """Follow the registry, which may know more than a checkpoint: let go of what is somebody else's by now."""
    shard = scene.shard
    for region in shard.regions.values():
        for track in region.owned():
            held = shard.ownership.owner(ulid(track))
            if held is not None and held[1] == shard.name:
                shard.epochs[track] = held[0]
            elif held is not None:
                shard.offered.add(track)
    for track in sorted(border.claimed(shard)):
        shard.released(ulid(track))
        id_ = scene.names.pop(ulid(track), "")
        scene.unshown.pop(ulid(track), None)
        if id_ in scene.tracks and scene.tracks[id_].track == ulid(track):
            scene.let_go(id_)


def hold(scene: Scene, everything: bool) -> None:
    """Know of the tracks of neighbours until these say that there are no such any more; of all, while neighbours had no
    time to speak yet or we are behind, and what they say is of later. Forgotten, they would be begun anew."""
    told = {track for one in scene.elsewhere.values() for track in one.tracks or ()}
    for region in scene.shard.regions.values():
        for track, until in region.foreign.items():
            if everything or track in told:
                region.foreign[track] = math.inf
            elif math.isinf(until):
                region.foreign[track] = scene.shard.clock + border.GHOST_S


def _offer(scene: Scene, handover: HandOver) -> Offer:
    named = scene.tracks.get(scene.names.get(handover.id, ""))
    if named is None or named.track != handover.id:
        return Offer(handover, None)
    absorbed = {gone: scene.absorbed[gone] for gone in merged_into(named.profile.id, scene.merged)}
    silent = {identity for one in absorbed.values() for identity in one.profile.identities}
    return Offer(handover, named, absorbed, sorted(silent & scene.nameless))


def _has(scene: Scene, track: str) -> bool:
    held = scene.shard.ownership.owner(track)
    return held is not None and held[1] == scene.shard.name and scene.shard.find(track) is not None


def _welcome(scene: Scene, offer: Offer) -> None:
    scene.behind = True
    if offer.named is None:
        return
    id_ = offer.named.profile.id
    ours = scene.tracks.get(id_)
    found = scene.shard.find(ours.track) if ours is not None and ours.track not in {"", offer.handover.id} else None
    if found is not None:
        found[0].tracker.drop(np.array([found[0].tracks.id[found[1]]]))
    if ours is not None:
        scene.let_go(id_)
    for told in scene.elsewhere.values():
        told.names.pop(id_, None)
    scene.add(id_, offer.named)
    scene.absorbed |= offer.absorbed
    scene.merged |= dict.fromkeys(offer.absorbed, id_)
    scene.nameless |= set(offer.nameless)
    scene.handed -= {id_, *offer.absorbed}
    scene.touched.add(id_)
