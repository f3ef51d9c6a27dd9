"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field, SecretStr
from summit_core.settings import ServiceSettings, secret


class GatewaySettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = secret(
        "postgresql://user:password@host:port/name; ?sslmode=verify-full&sslrootcert=FILE where it is not loopback",
        rotation="`ALTER ROLE` with a new password in PostgreSQL, the same in this URL, start fabric and gateway anew",
        breaks="keys are judged by what is remembered; the past, exports and new keys answer 503",
    )
    session_secret: SecretStr = secret(
        "signs session cookies",
        min_length=32,
        rotation="`summit secrets rotate session_secret`, start the gateway anew, `--end` when sessions have ended",
        breaks="everybody who is signed in by a cookie must sign in again",
    )
    session_secret_previous: SecretStr | None = secret(
        "the session secret before this one, whose cookies still hold",
        default=None,
        min_length=32,
        rotation="written by `summit secrets rotate session_secret`, emptied by its `--end`",
        breaks="nothing, outside a rotation",
    )
    admin_key_file: Path = Field(description="where the first administrator's key is written, mode 0600")
    fabric_url: str = Field(description="where fabric listens")
    intelligence_url: str = Field(description="where intelligence listens")
    tasking_url: str = Field(description="where tasking listens")
    console_dir: Path | None = Field(default=None, description="the exported console")
    map_style_url: str | None = Field(default=None, description="another base map; the built-in one when absent")
    map_attribution: str = Field(default="Natural Earth · US Census", description="credit of the base map")
    map_center: tuple[float, float] = Field(default=(-121.4, 39.8), description="longitude, latitude at first sight")
    map_zoom: float = Field(default=9.0, ge=0, le=22, description="zoom at first sight")
