"""Settings of fusion; all have working defaults beside what every service needs."""

from pydantic import Field
from summit_core.settings import ServiceSettings


class FusionSettings(ServiceSettings):
    publish_interval_s: float = Field(default=0.5, gt=0, description="a track is published at most so often")
    bearing_window_s: float = Field(default=90.0, gt=0, description="how long a bearing takes part in a fix")
    hazard_expires_s: float = Field(default=1800.0, gt=0, description="a hazard that nobody reports leaves after this")
