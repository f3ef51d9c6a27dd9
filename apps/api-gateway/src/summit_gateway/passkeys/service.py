"""Passkeys: registered by whoever has just signed in, shown instead of name and password."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError, ErrorCode, ForbiddenError, NotFoundError, UnauthenticatedError
from summit_core.model import Principal

from summit_gateway.passkeys.ceremony import REFUSED, RelyingParty, bytes_of, challenge_of
from summit_gateway.passkeys.challenge import SIGN_IN, Challenges
from summit_gateway.passkeys.passkey import NewPasskey, Passkey, ShownCredential, StoredPasskey
from summit_gateway.passkeys.store import PasskeyStore

log = structlog.get_logger(__name__)

RECENT: Final = timedelta(minutes=10)
"""Whoever finds a screen unlocked may look, but makes himself no key to come back with."""


class PasskeyService:
    """``party`` None: no page was named, so there are no passkeys."""

    def __init__(self, store: PasskeyStore, party: RelyingParty | None, challenges: Challenges, clock: Clock) -> None:
        self._store = store
        self._party = party
        self._challenges = challenges
        self._clock = clock

    async def registration(self, by: Principal, began: datetime | None) -> dict[str, Any]:
        """What the browser is to make. ``began``: since when the caller's session as a user lasts, None for others.
        Raises :class:`ForbiddenError` (``sign_in_again``), :class:`ConflictError` for who is no user."""
        party = self._open()
        user_id = self._lately(by, began)[0]
        known = await self._store.of_user(user_id)
        challenge = self._challenges.issue(user_id)
        return party.registration(by.id, by.name, challenge, [credential for _, credential in known])

    async def register(self, wanted: NewPasskey, by: Principal, began: datetime | None) -> Passkey:
        """Raises :class:`UnauthenticatedError` for what does not hold, and as :meth:`registration`."""
        party = self._open()
        user_id, since = self._lately(by, began)
        challenge = await self._spend(wanted.credential.response.client_data, user_id)
        made = party.made(wanted.credential, challenge)
        now = self._clock.now()
        passkey = Passkey(id="passkey-" + secrets.token_hex(6), name=wanted.name.strip(), created_at=now)
        if not await self._store.insert(passkey, user_id, made, since):
            raise UnauthenticatedError("the session has ended; sign in again")
        log.info("passkey added", passkey=passkey.id, user=user_id)
        return passkey

    def sign_in(self) -> dict[str, Any]:
        """What the browser is to show."""
        return self._open().sign_in(self._challenges.issue(SIGN_IN))

    async def verify(self, shown: ShownCredential) -> tuple[StoredPasskey, int]:
        """Whose it is, and the count that it states, which :meth:`use` judges. Unknown, removed, wrongly signed and of
        one who may no longer are told the same. Raises :class:`UnauthenticatedError`."""
        party = self._open()
        challenge = await self._spend(shown.response.client_data, SIGN_IN)
        stored = await self._store.by_credential(bytes_of(shown.id))
        if stored is None or bytes_of(shown.response.user_handle) != stored.owner.user.id.encode():
            raise UnauthenticatedError(REFUSED)
        count = party.shown(shown, challenge, stored.public_key)
        if not stored.owner.user.active or stored.owner.user.must_change:
            raise UnauthenticatedError(REFUSED)
        return stored, count

    async def use(self, stored: StoredPasskey, count: int) -> None:
        """Raises :class:`UnauthenticatedError` (``passkey_copied``) when the count went back: two hold this key."""
        if not await self._store.advance(stored.passkey.id, count, self._clock.now()):
            log.warning("a passkey's count went back: there is a copy", passkey=stored.passkey.id)
            told = "this passkey was used elsewhere with a higher count, so there may be a copy; remove it, add another"
            raise UnauthenticatedError(told, code=ErrorCode.PASSKEY_COPIED)

    async def list(self, by: Principal) -> list[Passkey]:
        return [passkey for passkey, _ in await self._store.of_user(by.id)]

    async def rename(self, passkey_id: str, name: str, by: Principal) -> Passkey:
        """Raises :class:`NotFoundError`, also for one of somebody else."""
        renamed = await self._store.rename(passkey_id, by.id, name.strip())
        if renamed is None:
            raise _nothing(passkey_id)
        return renamed

    async def remove(self, passkey_id: str, by: Principal) -> None:
        """Raises :class:`NotFoundError`, also for one of somebody else."""
        if not await self._store.delete(passkey_id, by.id):
            raise _nothing(passkey_id)
        log.info("passkey removed", passkey=passkey_id, user=by.id)

    async def _spend(self, client_data: str, purpose: str) -> bytes:
        """The challenge that was answered, which from now on counts for nothing."""
        challenge = challenge_of(client_data)
        end = self._challenges.end_of(challenge, purpose)
        if not await self._store.spend(challenge, end):
            raise UnauthenticatedError("this was used before; ask for another challenge and try again")
        return challenge

    def _open(self) -> RelyingParty:
        if self._party is None:
            raise NotFoundError("there are no passkeys here; an administrator sets SUMMIT_PASSKEY_ORIGINS")
        return self._party

    def _lately(self, by: Principal, began: datetime | None) -> tuple[str, datetime]:
        if began is None:
            raise ConflictError("a passkey belongs to a user; sign in with name and password first")
        if self._clock.now() - began > RECENT:
            told = "sign in again first: a passkey is added within 10 minutes of it"
            raise ForbiddenError(told, code=ErrorCode.SIGN_IN_AGAIN)
        return by.id, began


def _nothing(passkey_id: str) -> NotFoundError:
    return NotFoundError(f"no passkey {passkey_id} of yours")
