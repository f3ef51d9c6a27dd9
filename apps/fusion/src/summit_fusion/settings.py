"""Settings of fusion; all have working defaults beside what every service needs."""

from datetime import timedelta
from pathlib import Path

import h3.api.basic_int as h3
from pydantic import Field, field_validator
from summit_core.settings import ServiceSettings

from summit_fusion.cameras import BiasSettings, PersistenceSettings
from summit_fusion.hazards import HazardSettings
from summit_fusion.shards.ground import CELL


class FusionSettings(ServiceSettings):
    publish_interval_s: float = Field(default=0.5, gt=0, description="a track is published at most so often")
    heartbeat_s: float = Field(default=5.0, gt=0, description="a track that is heard is published at least so often")
    bearing_window_s: float = Field(default=90.0, gt=0, description="how long a bearing takes part in a fix")
    hazard_expires_s: float = Field(default=1800.0, gt=0, description="a hazard that nobody reports leaves after this")
    smoke_frames: int = Field(default=3, ge=2, le=50, description="smoke of one camera: so many frames with it …")
    smoke_of_frames: int = Field(default=5, ge=2, le=50, description="… of so many …")
    smoke_score: float = Field(default=1.2, gt=0, description="… whose confidences add up to this …")
    smoke_least_s: float = Field(default=60.0, ge=0, description="… the last so long after the first …")
    smoke_window_s: float = Field(default=300.0, gt=0, description="… and none older than this are believed")
    smoke_continuity_s: float = Field(default=180.0, gt=0, description="smoke that is not seen for so long fades")
    camera_bias_deg: float = Field(default=0.5, gt=0, le=30, description="azimuth error of a new mount, one sigma")
    elevation: list[Path] = Field(
        default_factory=list, description="elevation model of the cameras' area (JSON list of GeoTIFF files), metres"
    )
    camera_mast_m: float = Field(default=15.0, ge=0, le=500, description="how far above the ground cameras stand")
    checkpoint_dir: Path | None = Field(default=None, description="where checkpoints are kept; without it, nowhere")
    checkpoint_interval_s: float = Field(default=5.0, gt=0, description="a checkpoint is written so often")

    fusion_shard: str = Field(
        default="fusion", pattern=r"^[A-Za-z0-9_-]{1,32}$", description="its name; no two processes have the same"
    )
    fusion_cells: str = Field(default="", description="H3 cells of resolution 4 or coarser; empty is the whole world")
    fusion_exchange_s: float = Field(default=1.0, gt=0, le=1, description="shards tell each other so often")

    @field_validator("fusion_cells")
    @classmethod
    def _known_cells(cls, value: str) -> str:
        cells_of(value)
        return value

    def cells(self) -> frozenset[int] | None:
        """What it tracks, as cells of resolution 4; None is the whole world."""
        return cells_of(self.fusion_cells)

    def hazards(self) -> HazardSettings:
        """What the hazards are made by."""
        return HazardSettings(
            window=timedelta(seconds=self.bearing_window_s),
            expires=timedelta(seconds=self.hazard_expires_s),
            persistence=PersistenceSettings(
                frames=self.smoke_frames,
                of_frames=max(self.smoke_of_frames, self.smoke_frames),
                score=self.smoke_score,
                least=timedelta(seconds=self.smoke_least_s),
                window=timedelta(seconds=self.smoke_window_s),
                continuity=timedelta(seconds=self.smoke_continuity_s),
            ),
            bias=BiasSettings(prior_deg=self.camera_bias_deg),
        )


def cells_of(text: str) -> frozenset[int] | None:
    """The cells of resolution 4 in those that are named, comma separated; None for an empty text. Raises ValueError."""
    found: set[int] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        try:
            cell = int(name, 16)
        except ValueError:
            cell = 0
        if not h3.is_valid_cell(cell) or h3.get_resolution(cell) > CELL:
            raise ValueError(f"{name[:40]!r} is no H3 cell of resolution {CELL} or coarser")
        found.update(h3.cell_to_children(cell, CELL))
    return frozenset(found) or None
