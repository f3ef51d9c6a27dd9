"""Positions to tracks: ``Tracker.observe(position)``, ``.sweep(now)``, ``.restore(tracks)``."""

from summit_fusion.track.state import Track, TrackUpdate
from summit_fusion.track.tracker import Tracker, TrackerSettings

__all__ = ["Track", "TrackUpdate", "Tracker", "TrackerSettings"]
