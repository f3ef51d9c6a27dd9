"""A session as it is kept, and the tokens that speak for it."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct
from summit_core.model import Principal

from summit_gateway.users.user import User

ACCESS_FOR: Final = timedelta(minutes=10)
LASTS: Final = timedelta(hours=12)
"""A shift: afterwards somebody has to sign in again, however busy he was."""


class Session(Struct, frozen=True, kw_only=True):
    """Signed in as ``user`` or with the key ``key_id``; ``user`` is as the table shows him now."""

    id: str
    key_id: str | None
    user: User | None
    sessions_since: datetime | None
    started_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def refusal(self, now: datetime) -> str | None:
        """Why it holds no longer, or None."""
        if self.ended_at is not None or self.expires_at <= now:
            return "the session has ended; sign in again"
        if self.user is not None and not self.user.active:
            return "the session's user was switched off; ask an administrator"
        if self.sessions_since is not None and self.started_at < self.sessions_since:
            return "the password was changed since; sign in again"
        return None


class Tokens(Struct, frozen=True, kw_only=True):
    """``access`` goes into ``Authorization: Bearer`` for ``expires_in`` seconds; ``refresh`` renews both, once."""

    access: str
    refresh: str
    expires_in: int


class SignedIn(Principal, frozen=True, kw_only=True):
    """Who signed in; a program also gets the tokens, a browser has them in cookies."""

    tokens: Tokens | None = None


class Begun(NamedTuple):
    """A session that begins or goes on."""

    principal: Principal
    tokens: Tokens
