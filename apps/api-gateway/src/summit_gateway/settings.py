"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from summit_core.http.limits.address import TrustedProxies
from summit_core.model import Role
from summit_core.settings import ServiceSettings, secret

from summit_gateway.limits.settings import Limits
from summit_gateway.oidc.issuer import is_safe
from summit_gateway.passkeys.ceremony import RelyingParty


class GatewaySettings(ServiceSettings):
    """Each line is ``SUMMIT_<NAME>``; see docs/reference/interfaces.md."""

    database_url: SecretStr = secret(
        "postgresql://user:password@host:port/name; ?sslmode=verify-full&sslrootcert=FILE where it is not loopback",
        rotation="`ALTER ROLE` with a new password in PostgreSQL, the same in this URL, start fabric and gateway anew",
        breaks="keys are judged by what is remembered; the past, exports and new keys answer 503",
    )
    session_secret: SecretStr = secret(
        "signs the tokens of sessions, encrypts the secrets of one-time codes",
        min_length=32,
        rotation="`summit secrets rotate session_secret`, start the gateway anew, `--end` when sessions have ended",
        breaks="everybody who is signed in must sign in again; one-time codes must be set up anew",
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
    oidc_issuer: str | None = Field(default=None, description="identity provider whose tokens are taken, https://…")
    oidc_audience: str | None = Field(default=None, description="what its tokens for us say in aud")
    oidc_role_claim: str = Field(default="roles", description="the claim of the role; a path with dots is followed")
    oidc_roles: dict[str, Role] = Field(default={}, description='its words for our roles, {"ops-lead": "commander"}')
    oidc_organisation_claim: str | None = Field(default=None, description="the claim of the organisation")
    passkey_origins: str = Field(
        default="", description="pages whose passkeys sign in, https://ops.example.org; without one there are none"
    )
    passkey_rp_id: str | None = Field(
        default=None, description="the domain that passkeys belong to; the host of the first page when absent"
    )
    console_dir: Path | None = Field(default=None, description="the exported console")
    map_style_url: str | None = Field(default=None, description="another base map; the built-in one when absent")
    map_attribution: str = Field(default="Natural Earth · US Census", description="credit of the base map")
    map_center: tuple[float, float] = Field(default=(-121.4, 39.8), description="longitude, latitude at first sight")
    map_zoom: float = Field(default=9.0, ge=0, le=22, description="zoom at first sight")
    limits: Limits = Field(default_factory=Limits, description='some of them: {"public": "300/60"}')
    limits_url: SecretStr | None = secret(
        "redis://[user:password@]host:port/0, where replicas count together",
        default=None,
        rotation="`ACL SETUSER` with a second password in Redis, the new one in this URL, start the gateway anew",
        breaks="each process counts alone; nothing else",
    )
    trusted_proxies: str = Field(
        default="", description="networks whose X-Forwarded-For is believed: 10.0.0.0/8,fd00::/8"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        TrustedProxies(value)  # says what is wrong with it
        return value

    @field_validator("limits_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("use redis://host:port/0, rediss:// or unix://")
        return value

    @field_validator("oidc_issuer", "oidc_audience", "oidc_organisation_claim", "passkey_rp_id")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @model_validator(mode="after")
    def _pages_have_passkeys(self) -> "GatewaySettings":
        if self.passkey_origins:
            RelyingParty.of(self.passkey_origins, self.passkey_rp_id)  # says what is wrong with it
        return self

    @model_validator(mode="after")
    def _issuer_is_whole(self) -> "GatewaySettings":
        if self.oidc_issuer is None:
            return self
        if not is_safe(self.oidc_issuer):
            raise ValueError("SUMMIT_OIDC_ISSUER must be an https:// address (http only on loopback)")
        if self.oidc_audience is None:
            raise ValueError(
                "SUMMIT_OIDC_AUDIENCE is missing: without it tokens for other services would open this one"
            )
        return self
