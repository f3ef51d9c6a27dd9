"""Settings of fabric."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from summit_core.security.nkey import AccountKey
from summit_core.settings import ServiceSettings, secret


class FabricSettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = secret(
        "postgresql://user:password@host:port/name; ?sslmode=verify-full&sslrootcert=FILE where it is not loopback",
        rotation="`ALTER ROLE` with a new password in PostgreSQL, the same in this URL, start fabric and gateway anew",
        breaks="nothing is recorded; observations wait in the broker until it is back",
    )
    observation_days: int = Field(
        default=30, ge=1, le=3650, description="days that an observation is kept after it was received"
    )
    world_days: int = Field(
        default=365, ge=1, le=3650, description="days that versions of entities are kept; operations are kept for ever"
    )
    audit_seed: SecretStr | None = secret(
        "seed of the account key (SA…) that signs the heads of the audit",
        default=None,
        rotation="export the audit, a new seed here, start fabric anew; keep the old public key for older exports",
        breaks="heads are not signed, so nobody can export the audit; records go on",
    )
    audit_days: int | None = Field(
        default=None, ge=1, le=36500, description="days that audit records are kept; without it for ever"
    )
    nats_issuer_seed: SecretStr | None = secret(
        "seed of the account key that the broker names as issuer of its auth callout",
        default=None,
        rotation="a new seed here, its public key in the broker's configuration, reload it, start fabric anew",
        breaks="no device can connect anew; those that are connected go on",
    )
    nats_device_account: str = Field(default="$G", description="the account of the broker that devices belong to")
    nats_system_url: SecretStr | None = secret(
        "nats://user:password@host:port of the broker's system account, to end connections",
        default=None,
        rotation="new password into the broker's users and this URL, reload the broker, start fabric anew",
        breaks="a revoked device stays connected for an hour at most",
    )
    tls_devices: Literal["required", "optional"] = Field(
        default="required",
        description="whether a device must show its own certificate to the broker, where TLS is on",
    )
    nats_log_file: Path | None = Field(
        default=None, description="log of the broker, to count what it dropped because a device may not publish it"
    )

    @field_validator("nats_issuer_seed", "audit_seed")
    @classmethod
    def _is_a_seed(cls, seed: SecretStr | None) -> SecretStr | None:
        if seed is not None:
            AccountKey(seed.get_secret_value())
        return seed
