"""Settings of fabric."""

from pydantic import Field, SecretStr
from summit_core.settings import ServiceSettings


class FabricSettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
