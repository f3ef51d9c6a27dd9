"""The state of a shard as bytes, and a shard out of them."""

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from summit_fusion.jipda import Detections, TrackerSettings
from summit_fusion.jipda.layout import Arrays
from summit_fusion.jipda.merge import Duplicates
from summit_fusion.jipda.moment import Moment
from summit_fusion.shards.frozen import freeze, thaw
from summit_fusion.shards.local import Logged, RegionTracker
from summit_fusion.shards.ownership import Ownership
from summit_fusion.shards.region import Region

if TYPE_CHECKING:
    from summit_fusion.shards.shard import Shard

PLAIN = (
    "name",
    "horizon_s",
    "reorder_s",
    "clock",
    "newest",
    "exchanged",
    "next_id",
    "too_late",
    "epochs",
    "merged",
    "missing",
)
COUNTERS = ("too_late", "repeated", "_forgot")


def state(shard: "Shard") -> bytes:
    whole = {name: getattr(shard, name) for name in PLAIN}
    whole |= {
        "settings": shard.settings,
        "cells": None if shard.cells is None else sorted(shard.cells),
        "oldest_waiting": None if math.isinf(shard.oldest_waiting) else shard.oldest_waiting,
        "pinned": sorted(shard.pinned),
        "offered": sorted(shard.offered),
        "told": [[track, *seen] for track, seen in shard.told.items()],
        "regions": [_region(region) for region in shard.regions.values()],
    }
    return freeze(whole)


def restore(kind: type["Shard"], data: bytes, ownership: Ownership | None) -> "Shard":
    whole = thaw(data)
    cells = None if whole["cells"] is None else frozenset(whole["cells"])
    settings = msgspec.convert(whole["settings"], TrackerSettings)
    shard = kind(whole["name"], cells, settings, whole["horizon_s"], ownership, whole["reorder_s"])
    for name in PLAIN:
        setattr(shard, name, whole[name])
    shard.oldest_waiting = math.inf if whole["oldest_waiting"] is None else whole["oldest_waiting"]
    shard.pinned.update(whole["pinned"])
    shard.offered.update(whole["offered"])
    shard.told = {track: (heard, hits) for track, heard, hits in whole["told"]}
    for values in whole["regions"]:
        region = shard.region(values["zone"])
        region.foreign = values["foreign"]
        region.duplicates = Duplicates({(a, b): times for a, b, times in values["near"]}, values["due"])
        _fill(region.tracker, values)
    return shard


def _region(region: Region) -> dict[str, Any]:
    tracker = region.tracker
    return {
        "zone": region.zone,
        "foreign": region.foreign,
        "tracks": tracker.now.tracks.copy(),
        "next_id": tracker.now.next_id,
        "waiting": tracker.waiting,
        "near": [[*pair, times] for pair, times in region.duplicates.times.items()],
        "due": region.duplicates.due,
        "log": list(tracker.log),
        "ring": [
            {
                "scan": m.scan, "before": m.before.copy(), "joins": m.joins.copy(), "track": m.track, "seen": m.seen,
                "share": m.share, "born": m.born,
            }
            for m in tracker.ring
        ],
    } | {name: getattr(tracker, name) for name in COUNTERS}  # fmt: skip


def _fill(tracker: RegionTracker, values: dict[str, Any]) -> None:
    tracker.now.tracks, tracker.now.next_id = Arrays(**values["tracks"]), values["next_id"]
    tracker.waiting = [_detections(scan) for scan in values["waiting"]]
    tracker.keep_log(deque(Logged(*entry) for entry in values["log"]))
    for m in values["ring"]:
        before, joins = Arrays(**m["before"]), Arrays(**m["joins"])
        tracker.ring.append(
            Moment(_detections(m["scan"]), before, m["track"], m["seen"], m["share"], m["born"], joins)
        )  # fmt: skip
    for name in COUNTERS:
        setattr(tracker, name, values[name])


def _detections(values: dict[str, Any]) -> Detections:
    view = values["view"]
    return Detections(**(values | {"view": None if view is None else tuple(view)}))
