"""Settings of fabric."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from summit_core.security.nkey import AccountKey
from summit_core.settings import ServiceSettings


class FabricSettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    observation_days: int = Field(
        default=30, ge=1, le=3650, description="days that an observation is kept after it was received"
    )
    world_days: int = Field(
        default=365, ge=1, le=3650, description="days that versions of entities are kept; operations are kept for ever"
    )
    nats_issuer_seed: SecretStr | None = Field(
        default=None, description="seed of the account key that the broker names as issuer of its auth callout"
    )
    nats_device_account: str = Field(default="$G", description="the account of the broker that devices belong to")
    nats_system_url: SecretStr | None = Field(
        default=None, description="nats://user:password@host:port of the system account, to end connections"
    )
    nats_log_file: Path | None = Field(
        default=None, description="log of the broker, to count what it dropped because a device may not publish it"
    )

    @field_validator("nats_issuer_seed")
    @classmethod
    def _is_a_seed(cls, seed: SecretStr | None) -> SecretStr | None:
        if seed is not None:
            AccountKey(seed.get_secret_value())
        return seed
