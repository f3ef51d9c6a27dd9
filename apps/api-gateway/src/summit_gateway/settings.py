"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field, SecretStr
from summit_core.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    session_secret: SecretStr = Field(min_length=32, description="signs session cookies")
    admin_key_file: Path = Field(description="where the first administrator's key is written, mode 0600")
    fabric_url: str = Field(description="where fabric listens")
    intelligence_url: str = Field(description="where intelligence listens")
    tasking_url: str = Field(description="where tasking listens")
    console_dir: Path | None = Field(default=None, description="the exported console")
    map_style_url: str | None = Field(default=None, description="another base map; the built-in one when absent")
    map_attribution: str = Field(default="Natural Earth · US Census", description="credit of the base map")
    map_center: tuple[float, float] = Field(default=(-121.4, 39.8), description="longitude, latitude at first sight")
    map_zoom: float = Field(default=9.0, ge=0, le=22, description="zoom at first sight")
