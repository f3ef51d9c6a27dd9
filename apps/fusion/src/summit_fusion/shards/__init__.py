"""Tracking anywhere on earth, in one process or many: places in, places out, every detection decided in one place."""

from summit_fusion.shards.handover import Ghosts, HandOver
from summit_fusion.shards.ownership import MemoryOwnership, Ownership
from summit_fusion.shards.scan import Explained, GeoEstimate, GeoScan, Taken
from summit_fusion.shards.shard import Shard

__all__ = [
    "Explained",
    "GeoEstimate",
    "GeoScan",
    "Ghosts",
    "HandOver",
    "MemoryOwnership",
    "Ownership",
    "Shard",
    "Taken",
]
