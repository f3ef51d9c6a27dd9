"""Users: made and changed by administrators, verified at sign-in."""

import secrets
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog
from msgspec import UNSET, Struct
from summit_core.clock import Clock
from summit_core.errors import ConflictError, ErrorCode, ForbiddenError, NotFoundError, UnauthenticatedError
from summit_core.model import Principal, Role

from summit_gateway.reach import may_make, oversees, require_full
from summit_gateway.users import store, totp
from summit_gateway.users.passwords import Passwords, require_fit
from summit_gateway.users.store import UserStore
from summit_gateway.users.user import NewUser, StoredUser, User, UserPatch

log = structlog.get_logger(__name__)


class Proven(NamedTuple):
    """Who has proved to be who, and since when (the database's clock) his sessions count."""

    user: User
    at: datetime


class Credentials(Struct, frozen=True, kw_only=True):
    """What somebody signs in with. ``code`` is of his authenticator, or a recovery code."""

    user: str
    password: str
    code: str | None = None
    new_password: str | None = None


class OfferedTotp(Struct, frozen=True, kw_only=True):
    """A secret that counts once a code of it has come back."""

    secret: str
    uri: str


class UserService:
    def __init__(self, users: UserStore, passwords: Passwords, seal: totp.Seal, clock: Clock) -> None:
        self._store = users
        self._passwords = passwords
        self._seal = seal
        self._clock = clock

    async def verify(self, given: Credentials) -> Proven:
        """Who signs in. A wrong name, a wrong password and one who may no longer take the same time and are told the
        same. Raises :class:`UnauthenticatedError` (``code_required`` where only the code is missing), or
        :class:`ForbiddenError` (``password_change_required``) until a new password comes along."""
        stored = await self._store.by_name(given.user)
        right = await self._passwords.verify(stored.password if stored else None, given.password)
        if stored is None or not right or not stored.user.active:
            raise UnauthenticatedError("the name or the password is wrong; check both, or ask an administrator")
        user = stored.user
        if given.new_password is not None:
            require_fit(user.name, given.new_password, field="new_password", before=given.password)
        elif user.must_change:
            told = "an administrator set this password; sign in with it and a new_password of your own"
            raise ForbiddenError(told, code=ErrorCode.PASSWORD_CHANGE_REQUIRED, field="new_password")
        if user.totp:
            await self._require_code(stored, given.code)
        if given.new_password is not None:
            hashed = await self._passwords.hash(given.new_password)
            since = await self._store.set_password(user.id, hashed, must_change=False)
            log.info("password changed", user=user.id)
            return Proven(msgspec.structs.replace(user, must_change=False), since)
        if self._passwords.is_outdated(stored.password):
            hashed = await self._passwords.hash(given.password)
            await self._store.rehash(user.id, stored.password, hashed)
        return Proven(user, stored.read_at)

    async def list(self, by: Principal) -> list[User]:
        return [user for user in await self._store.all() if oversees(by, user.organisation)]

    async def create(self, wanted: NewUser, by: Principal) -> User:
        """Raises :class:`InputError`, :class:`ConflictError` for a taken name, :class:`ForbiddenError`."""
        organisation = may_make(by, wanted.organisation)
        require_fit(wanted.name, wanted.password)
        user = User(
            id="user-" + secrets.token_hex(6),
            name=wanted.name.lower(),
            role=Role(wanted.role),
            organisation=organisation,
            areas=wanted.areas,
            active=True,
            must_change=True,
            totp=False,
            created_at=self._clock.now(),
            created_by=by.name,
        )
        await self._store.insert(user, await self._passwords.hash(wanted.password))
        log.info("user made", user=user.id, name=user.name, role=user.role, by=by.id)
        return user

    async def change(self, user_id: str, patch: UserPatch, by: Principal) -> User:
        """Raises :class:`NotFoundError`, :class:`ConflictError` for the last administrator, :class:`InputError`."""
        require_full(by)
        known = (await self._seen(user_id, by)).user
        password = None
        if patch.password is not UNSET:
            require_fit(known.name, patch.password)
            password = await self._passwords.hash(patch.password)
        async with self._store.change(self._clock.now()) as connection:
            before = await store.held(connection, user_id)  # hashing takes long: what another changed meanwhile stays
            if before is None:
                raise NotFoundError(f"no user {user_id}")
            after = _changed(before, patch)
            ends = password is not None or (before.active and not after.active)
            await store.update(connection, after, password, log_out=ends)
            if password is not None or patch.passkeys is not UNSET:
                await store.forget_passkeys(connection, user_id)
        fields = [name for name in UserPatch.__struct_fields__ if getattr(patch, name) is not UNSET]
        log.info("user changed", user=user_id, fields=fields, by=by.id)
        return after

    async def delete(self, user_id: str, by: Principal) -> None:
        """Raises :class:`NotFoundError`, or :class:`ConflictError` for the last administrator."""
        require_full(by)
        await self._seen(user_id, by)
        async with self._store.change(self._clock.now()) as connection:
            await store.delete(connection, user_id)
        log.info("user removed", user=user_id, by=by.id)

    async def offer_totp(self, principal: Principal, password: str) -> OfferedTotp:
        """A new secret, for somebody who shows once more that he is at the keyboard himself."""
        stored = await self._store.by_id(principal.id)
        if not await self._passwords.verify(stored.password if stored else None, password):
            raise UnauthenticatedError("the password is wrong, or this is not a user's session")
        secret = totp.new_secret()
        if not await self._store.offer_totp(principal.id, self._seal.seal(secret)):
            raise ConflictError("one-time codes are on already; an administrator can switch them off")
        return OfferedTotp(secret=totp.readable(secret), uri=totp.uri(secret, principal.name))

    async def confirm_totp(self, principal: Principal, code: str) -> tuple[str, ...]:
        """From now on the code is asked for. The recovery codes, shown once; each opens the door once."""
        stored = await self._store.by_id(principal.id)
        if stored is None or stored.totp is None or stored.user.totp:
            raise ConflictError("no one-time codes wait to be confirmed; ask for a secret first")
        if not await self._used_step(stored, code):
            raise UnauthenticatedError("the code is wrong; check the clock of the device and try the next one")
        codes = totp.new_recovery_codes()
        await self._store.confirm_totp(principal.id, [totp.recovery_hash(code) for code in codes])
        log.info("one-time codes switched on", user=principal.id)
        return tuple(codes)

    async def reseal(self) -> None:
        """While the server's secret is rotated: keep nothing that only the one before can read."""
        for user_id, sealed in (await self._store.sealed()).items():
            secret = self._seal.open(sealed)
            if secret is None:
                log.warning("one-time codes cannot be read: sealed with another session secret", user=user_id)
            elif not self._seal.is_newest(sealed):
                await self._store.reseal(user_id, sealed, self._seal.seal(secret))

    async def _require_code(self, stored: StoredUser, code: str | None) -> None:
        if code is None:
            raise UnauthenticatedError(
                "send the code of your authenticator", code=ErrorCode.CODE_REQUIRED, field="code"
            )
        recovered = len(code) > totp.DIGITS and await self._store.use_recovery(stored.user.id, totp.recovery_hash(code))
        if not recovered and not await self._used_step(stored, code):
            raise UnauthenticatedError("the code is wrong or was used before; wait for the next one", field="code")
        if recovered:
            log.warning("recovery code used", user=stored.user.id)

    async def _used_step(self, stored: StoredUser, code: str) -> bool:
        """Whether the code is right, and used now for the first time."""
        secret = self._seal.open(stored.totp) if stored.totp else None
        step = totp.matching_step(secret, code.strip(), self._clock.now().timestamp()) if secret else None
        return step is not None and await self._store.use_step(stored.user.id, step)

    async def _seen(self, user_id: str, by: Principal) -> StoredUser:
        stored = await self._store.by_id(user_id)
        if stored is None or not oversees(by, stored.user.organisation):
            raise NotFoundError(f"no user {user_id}")
        return stored


def _changed(before: User, patch: UserPatch) -> User:
    return msgspec.structs.replace(
        before,
        role=before.role if patch.role is UNSET else Role(patch.role),
        areas=before.areas if patch.areas is UNSET else patch.areas,
        active=before.active if patch.active is UNSET else patch.active,
        must_change=before.must_change or patch.password is not UNSET,
        totp=before.totp and patch.totp is UNSET,
    )
