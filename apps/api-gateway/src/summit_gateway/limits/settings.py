"""Every limit of the gateway, in one place. ``SUMMIT_LIMITS`` changes some: ``{"public": "300/60"}``."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from summit_core.http.limits.quota import Policy, Quota, QuotaField
from summit_core.model import Role

IN_EACH_PROCESS: Final = frozenset(
    {"device", "observation_bytes", "observation_items", "failed_credential", "failed_address"}
)
"""Not worth a round trip to a shared store: the way of the measurements, and what is tried before anybody is known."""


class Limits(BaseModel):
    """Quotas are ``AMOUNT/SECONDS``. Of one caller where nothing else is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anonymous: QuotaField = Quota(100, 60)
    """Requests without a credential, of one address."""
    public: QuotaField = Quota(100, 60)
    """Requests of a viewer."""
    public_alerts: QuotaField = Quota(20, 60)
    """Lists of alerts of a viewer or without a credential."""
    operator: QuotaField = Quota(12_000, 60)
    """Requests of those who work: many tabs that poll in an incident, and scripts, stay below."""
    service: QuotaField = Quota(60_000, 60)
    device: QuotaField = Quota(6_000, 60)
    writes: QuotaField = Quota(600, 60)
    """Changes, except those that are never throttled and observations."""
    observation_items: QuotaField = Quota(500_000, 10)
    observation_bytes: QuotaField = Quota(256 * 1024 * 1024, 10)
    sign_in: QuotaField = Quota(30, 60)
    """Attempts from one address."""
    refreshes: QuotaField = Quota(600, 60)
    """Renewals of sessions from one address."""
    sign_in_account: QuotaField = Quota(10, 60)
    """Attempts at one account from one address."""
    sign_in_account_anywhere: QuotaField = Quota(100, 300)
    """Attempts at one account from everywhere: higher, because it also locks out whom the account belongs to."""
    failed_credential: QuotaField = Quota(10, 60)
    """Uses of the same wrong credential from one address."""
    failed_address: QuotaField = Quota(60, 60)
    """Different wrong credentials from one address."""
    files: QuotaField = Quota(1_200, 60)
    """Files of the console, and metrics, of one address."""
    stream_openings: QuotaField = Quota(240, 60)
    """Each begins with the whole picture. A console opens one, and another when it loses it."""
    streams_of_one: int = Field(default=100, ge=1)
    """Streams that one caller may have open."""
    streams_of_address: int = Field(default=500, ge=1)
    streams: int = Field(default=10_000, ge=1)
    """Streams of this process."""

    def policy(self, name: str) -> Policy:
        quota = getattr(self, name)
        assert isinstance(quota, Quota)
        return Policy(name, quota, shared=name not in IN_EACH_PROCESS)


CLASS_OF: Final = {
    Role.VIEWER: "public",
    Role.OPERATOR: "operator",
    Role.COMMANDER: "operator",
    Role.ADMINISTRATOR: "operator",
    Role.SERVICE: "service",
    Role.DEVICE: "device",
}
