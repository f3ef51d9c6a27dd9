"""Verifying, making and revoking keys. A key once seen is known from memory, so it works while the database is away."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError, InputError, NotFoundError, UnauthenticatedError
from summit_core.model import Principal, Role
from summit_core.observability.health import HealthMonitor
from summit_core.security.permissions import GRANTS
from summit_core.security.token import digest, id_of, is_right, new_token

from summit_gateway.keys import store
from summit_gateway.keys.key import ApiKey, IssuedKey, NewKey, Rotation, StoredKey
from summit_gateway.keys.store import KeyStore
from summit_gateway.reach import may_make, oversees, require_full

log = structlog.get_logger(__name__)

REFRESH_S: Final = 3.0
"""How long another process's revocation may take to reach us."""
USED_GRAIN: Final = timedelta(minutes=1)
"""How late ``last_used_at`` may be: a key in steady use costs one write a minute, with all others in one statement."""
LOOP: Final = "keys"


class KeyService:
    """``known`` holds every key that was used since the start; :meth:`run` keeps it in step with the database."""

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._store = keys
        self._clock = clock
        self._known: dict[str, StoredKey] = {}
        self._used: dict[str, datetime] = {}

    async def verify(self, token: str) -> Principal:
        """Who holds this key; raises :class:`UnauthenticatedError` for a key that is wrong, revoked or expired."""
        key_id = id_of(token)
        stored = self._known.get(key_id or "")
        right = is_right(token, stored.hash if stored else None)
        if key_id is not None and not right:  # a wrong secret costs what an unknown id does: the time tells nothing
            stored = await self._find(key_id, digest(token))
            right = is_right(token, stored.hash if stored else None)
        if stored is None or not right:
            raise UnauthenticatedError("the key is wrong; check it, or ask an administrator for another")
        now = self._used[stored.key.id] = self._clock.now()
        return self._holder(stored.key, now)

    async def holder(self, key_id: str) -> Principal:
        """Who a session belongs to, as long as its key is good."""
        stored = self._known.get(key_id) or await self._find(key_id)
        if stored is None:
            raise UnauthenticatedError("the session's key no longer exists; sign in again")
        return self._holder(stored.key, self._clock.now())

    def is_good(self, key_id: str) -> bool:
        """Whether a key that was verified before still is good, from memory."""
        stored = self._known.get(key_id)
        return stored is not None and stored.key.refusal(self._clock.now()) is None

    async def list(self, by: Principal) -> list[ApiKey]:
        return [key for key in await self._store.all() if oversees(by, key.organisation)]

    async def create(self, wanted: NewKey, by: Principal) -> IssuedKey:
        """Raises :class:`ForbiddenError` for what the asker may not give, :class:`InputError` for impossible scopes."""
        organisation = may_make(by, wanted.organisation)
        beyond = set(wanted.scopes or ()) - GRANTS[wanted.role]
        if beyond:
            told = f"the role {wanted.role} has no {', '.join(sorted(beyond))}; choose of what it grants"
            raise InputError(told, field="scopes")
        identifier, token = new_token()
        key = ApiKey(
            id=identifier,
            name=wanted.name,
            role=wanted.role,
            organisation=organisation,
            areas=wanted.areas,
            scopes=wanted.scopes,
            created_at=self._clock.now(),
            created_by=by.name,
            expires_at=wanted.expires_at,
        )
        async with self._store.locked() as connection:
            await store.insert(connection, StoredKey(key, digest(token)))
        log.info("key made", key=identifier, name=key.name, role=key.role, by=by.id)
        return IssuedKey(**msgspec.structs.asdict(key), key=token)

    async def rotate(self, key_id: str, rotation: Rotation, by: Principal) -> IssuedKey:
        """Another key of the same kind; the old one holds for the overlap, so that nothing has to stop.

        Raises :class:`NotFoundError`, or :class:`ConflictError` for a key that no longer holds.
        """
        require_full(by)
        now = self._clock.now()
        identifier, token = new_token()
        async with self._store.locked() as connection:
            old = self._seen(await store.find_one(connection, key_id), key_id, by)
            if old.refusal(now) is not None:
                raise ConflictError("the key holds no longer; make another one")
            lifetime = None if old.expires_at is None else now + (old.expires_at - old.created_at)
            new = msgspec.structs.replace(
                old,
                id=identifier,
                created_at=now,
                created_by=by.name,
                expires_at=rotation.expires_at or lifetime,
                last_used_at=None,
            )
            await store.insert(connection, StoredKey(new, digest(token)))
            await store.end(connection, key_id, now + timedelta(seconds=rotation.overlap_s))
        await self.refresh()
        log.info("key rotated", key=key_id, into=identifier, overlap_s=rotation.overlap_s, by=by.id)
        return IssuedKey(**msgspec.structs.asdict(new), key=token)

    async def revoke(self, key_id: str, by: Principal) -> None:
        """Raises :class:`NotFoundError`, or :class:`ConflictError` for the last administrator's key."""
        now = self._clock.now()
        async with self._store.locked() as connection:
            self._seen(await store.find_one(connection, key_id), key_id, by)
            if await store.administrators(connection, now) == {key_id}:
                raise ConflictError("this is the last administrator's key; make another one first")
            await store.revoke(connection, key_id, now)
        self._known.pop(key_id, None)
        log.info("key revoked", key=key_id, by=by.id)

    async def run(self, health: HealthMonitor) -> None:
        """Keep what we know in step with the database; run it under ``supervise``."""
        health.expect(LOOP)
        while True:
            await self.refresh()
            await self.note_use()
            health.beat(LOOP)
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        asked = set(self._known)
        found = {stored.key.id: stored for stored in await self._store.find(asked)} if asked else {}
        for key_id in asked & set(self._known):  # not those revoked here while we asked
            if key_id in found:
                self._known[key_id] = found[key_id]
            else:
                del self._known[key_id]

    async def note_use(self) -> None:
        """Write down what was used, unless the minute is written already."""
        used, self._used = self._used, {}
        due = {key_id: at for key_id, at in used.items() if self._is_due(key_id, at)}
        if due:
            await self._store.used(due)

    def _is_due(self, key_id: str, at: datetime) -> bool:
        stored = self._known.get(key_id)
        last = stored.key.last_used_at if stored else None
        return last is None or at - last >= USED_GRAIN

    async def _find(self, key_id: str, hash_: bytes | None = None) -> StoredKey | None:
        """By its hash as well the database has nothing to send for a wrong secret, as for an id that is none."""
        for stored in await self._store.find([key_id], hash_):
            self._known[key_id] = stored
            return stored
        return None

    def _holder(self, key: ApiKey, now: datetime) -> Principal:
        refusal = key.refusal(now)
        if refusal is not None:
            raise UnauthenticatedError(refusal)
        return key.principal

    def _seen(self, key: ApiKey | None, key_id: str, by: Principal) -> ApiKey:
        if key is None or not oversees(by, key.organisation):
            raise NotFoundError(f"no key {key_id}")
        return key


def administrator(token: str, identifier: str, clock: Clock) -> StoredKey:
    """The record of the first key, which nobody made."""
    key = ApiKey(
        id=identifier, name="administrator", role=Role.ADMINISTRATOR, created_at=clock.now(), created_by="first start"
    )
    return StoredKey(key, digest(token))
