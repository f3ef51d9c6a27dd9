"""Sessions: begun, renewed, ended. One once seen is known from memory, so it works while the database is away."""

import asyncio
import secrets
from datetime import datetime, timedelta
from typing import Final

import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError, UnauthenticatedError
from summit_core.model import Principal
from summit_core.observability.health import HealthMonitor

from summit_gateway.keys.service import REFRESH_S, KeyService
from summit_gateway.sessions.session import ACCESS_FOR, LASTS, Begun, Session, Tokens
from summit_gateway.sessions.store import Renewal, SessionStore
from summit_gateway.sessions.token import AccessTokens, new_refresh, refresh_hash
from summit_gateway.users.user import User

log = structlog.get_logger(__name__)

SAME_MOMENT: Final = timedelta(seconds=10)
"""Two windows of a browser renew with the same cookie: the second one is told to look again, and is no thief. He gets
nothing either; and when the first was a thief, the second's next attempt ends the session."""
LOOP: Final = "sessions"


class SessionService:
    """``known`` holds the sessions that were used since the start; :meth:`run` keeps it in step with the database."""

    def __init__(self, sessions: SessionStore, keys: KeyService, tokens: AccessTokens, clock: Clock) -> None:
        self._store = sessions
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._known: dict[str, Session] = {}

    async def start(self, principal: Principal, *, user: User | None = None, at: datetime | None = None) -> Begun:
        """``user`` with the moment ``at`` which he proved himself; without: the holder of the key ``principal.id``."""
        now = self._clock.now()
        session = Session(
            id=secrets.token_hex(12),
            key_id=principal.id if user is None else None,
            user=user,
            sessions_since=None,
            started_at=at or now,
            expires_at=now + LASTS,
        )
        refresh, hash_ = new_refresh()
        await self._store.insert(session, hash_)
        return self._issued(session.id, refresh, principal)

    async def verify(self, access: str) -> tuple[str, Principal]:
        """The session and who it is; raises :class:`UnauthenticatedError`."""
        session_id = self._tokens.read(access)
        session = self._known.get(session_id) or await self._find(session_id)
        return session_id, await self._holder(session)

    async def renew(self, refresh: str) -> Begun:
        """Other tokens for the same session. A token that was used before ends the session, because one of the two who
        hold it has stolen it (RFC 9700, 4.14.2). Raises :class:`UnauthenticatedError`, or :class:`ConflictError` when
        it was used a moment ago."""
        old, now = refresh_hash(refresh), self._clock.now()
        session_id = await self._store.session_of(old)
        if session_id is None:
            raise UnauthenticatedError("the refresh token is not one of ours; sign in again")
        principal = await self._holder(await self._find(session_id))
        token, new = new_refresh()
        outcome, used_at = await self._store.renew(old, new, now)
        if outcome is Renewal.DONE:
            return self._issued(session_id, token, principal)
        if used_at is not None and now - used_at < SAME_MOMENT:
            raise ConflictError("this token was used a moment ago; use the one that came for it")
        await self.end(session_id)
        log.warning("a refresh token was used twice; its session was ended", session=session_id, by=principal.id)
        raise UnauthenticatedError("the refresh token was used before; the session was ended, sign in again")

    async def end(self, session_id: str) -> None:
        self._known.pop(session_id, None)
        await self._store.end(session_id, self._clock.now())

    async def end_of(self, access: str | None, refresh: str | None) -> None:
        """Sign out whoever these speak for, as far as they are ours."""
        session_id = await self._store.session_of(refresh_hash(refresh)) if refresh else None
        if session_id is None and access:
            try:
                session_id = self._tokens.read(access)
            except UnauthenticatedError:
                return
        if session_id is not None:
            await self.end(session_id)

    def is_good(self, session_id: str, principal: Principal) -> bool:
        """Whether a session that was verified before still holds, and for the same rights, from memory."""
        session = self._known.get(session_id)
        if session is None or session.refusal(self._clock.now()) is not None:
            return False
        if session.user is not None:
            return session.user.principal == principal
        return self._keys.is_good(principal.id)

    def began(self, session_id: str) -> datetime | None:
        """When its user signed in: renewing a session makes it no younger. None for one of a key."""
        session = self._known.get(session_id)
        return None if session is None or session.user is None else session.started_at

    async def run(self, health: HealthMonitor) -> None:
        """Keep what we know in step with the database; run it under ``supervise``."""
        health.expect(LOOP)
        while True:
            await self.refresh()
            health.beat(LOOP)
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        asked = set(self._known)
        found = {session.id: session for session in await self._store.find(asked)} if asked else {}
        now = self._clock.now()
        for session_id in asked & set(self._known):  # not those ended here while we asked
            session = found.get(session_id)
            if session is not None and session.refusal(now) is None:
                self._known[session_id] = session
            else:
                del self._known[session_id]

    async def _find(self, session_id: str) -> Session:
        for session in await self._store.find([session_id]):
            if session.refusal(self._clock.now()) is None:
                self._known[session_id] = session
            return session
        raise UnauthenticatedError("the session has ended; sign in again")

    async def _holder(self, session: Session) -> Principal:
        refusal = session.refusal(self._clock.now())
        if refusal is not None:
            raise UnauthenticatedError(refusal)
        if session.user is not None:
            return session.user.principal
        return await self._keys.holder(session.key_id or "")

    def _issued(self, session_id: str, refresh: str, principal: Principal) -> Begun:
        seconds = int(ACCESS_FOR.total_seconds())
        return Begun(principal, Tokens(access=self._tokens.issue(session_id), refresh=refresh, expires_in=seconds))
