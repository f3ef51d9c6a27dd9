"""What fusion counts, beside the metrics that every service shares."""

from prometheus_client import Counter, Gauge, Histogram

TRACKS = Gauge("summit_fusion_tracks", "Tracks in the picture, by freshness", ["freshness"])
REFUSED = Counter("summit_fusion_detections_refused_total", "Detections that no track could be made of", ["reason"])
LATE = Counter("summit_fusion_detections_late_total", "Detections older than the window, used for attributes only")
REPEATED = Counter("summit_fusion_detections_repeated_total", "Detections that had been counted before")
REPLAYED = Counter("summit_fusion_tracks_replayed_total", "Tracks times scans done again because of late data")
MERGES = Counter("summit_fusion_merges_total", "Tracks that became one", ["by"])
SCAN_SECONDS = Histogram(
    "summit_fusion_scan_seconds",
    "Time to take in one scan",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.03, 0.06, 0.125, 0.25, 1.0),
)
CHECKPOINT_SECONDS = Histogram(
    "summit_fusion_checkpoint_seconds", "Time to write a checkpoint", buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
)
CHECKPOINT_BYTES = Gauge("summit_fusion_checkpoint_bytes", "Size of the last checkpoint")
