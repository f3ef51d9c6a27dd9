"""What the hazards are made by."""

from dataclasses import dataclass, field
from datetime import timedelta

from summit_fusion.cameras import BiasSettings, PersistenceSettings
from summit_fusion.locate.settings import SceneSettings


@dataclass(frozen=True, slots=True)
class HazardSettings:
    """Defaults that need no change; times by the clocks of the cameras, but ``expires`` by ours."""

    window: timedelta = timedelta(seconds=90)
    """How long a bearing takes part in a fix."""
    agree: timedelta = timedelta(seconds=30)
    """Single frames of two cameras make a fire when they are no further apart."""
    expires: timedelta = timedelta(minutes=30)
    """A hazard that nobody has reported for so long leaves."""
    certain: float = 0.91
    """A fire whose place has less probability than this among all ways to sort the lines is ambiguous."""
    half_view_deg: float = 45.0
    """A camera that reports something so near to a fire, and not the fire, could have seen it."""
    reach_m: float = 60_000.0
    learn_every: timedelta = timedelta(seconds=60)
    """A fire teaches the biases of its cameras so often."""
    persistence: PersistenceSettings = field(default_factory=PersistenceSettings)
    bias: BiasSettings = field(default_factory=BiasSettings)
    scene: SceneSettings = field(default_factory=SceneSettings)
