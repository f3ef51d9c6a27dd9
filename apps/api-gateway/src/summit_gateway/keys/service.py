"""Verifying, making and revoking keys. A key once seen is known from memory, so it works while the database is away."""

import asyncio
from typing import Final

import msgspec
import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError, NotFoundError, UnauthenticatedError
from summit_core.model import Principal, Role
from summit_core.observability.health import HealthMonitor
from summit_core.security.token import digest, id_of, is_right, new_token

from summit_gateway.keys import store
from summit_gateway.keys.key import ApiKey, IssuedKey, NewKey, StoredKey
from summit_gateway.keys.store import KeyStore

log = structlog.get_logger(__name__)

REFRESH_S: Final = 5.0
"""How long another process's revocation may take to reach us."""
LOOP: Final = "keys"


class KeyService:
    """``known`` holds every key that was used since the start; :meth:`run` keeps it in step with the database."""

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._store = keys
        self._clock = clock
        self._known: dict[str, StoredKey] = {}

    async def verify(self, token: str) -> Principal:
        """Who holds this key; raises :class:`UnauthenticatedError` for a key that is wrong, revoked or expired."""
        stored = await self._stored(id_of(token))
        right = is_right(token, stored.hash if stored else None)
        if stored is None or not right:
            raise UnauthenticatedError("the key is wrong; check it, or ask an administrator for another")
        return self._holder(stored.key)

    async def holder(self, key_id: str) -> Principal:
        """Who a session belongs to, as long as its key is good."""
        stored = await self._stored(key_id)
        if stored is None:
            raise UnauthenticatedError("the session's key no longer exists; sign in again")
        return self._holder(stored.key)

    def is_good(self, key_id: str) -> bool:
        """Whether a key that was verified before still is good, from memory."""
        stored = self._known.get(key_id)
        return stored is not None and stored.key.refusal(self._clock.now()) is None

    async def list(self) -> list[ApiKey]:
        return await self._store.all()

    async def create(self, wanted: NewKey, by: Principal) -> IssuedKey:
        identifier, token = new_token()
        key = ApiKey(
            id=identifier,
            name=wanted.name,
            role=wanted.role,
            created_at=self._clock.now(),
            created_by=by.name,
            expires_at=wanted.expires_at,
        )
        async with self._store.locked() as connection:
            await store.insert(connection, StoredKey(key, digest(token)))
        log.info("key made", key=identifier, name=key.name, role=key.role, by=by.id)
        return IssuedKey(**msgspec.structs.asdict(key), key=token)

    async def revoke(self, key_id: str, by: Principal) -> None:
        """Raises :class:`NotFoundError`, or :class:`ConflictError` for the last administrator's key."""
        now = self._clock.now()
        async with self._store.locked() as connection:
            if await store.administrators(connection, now) == {key_id}:
                raise ConflictError("this is the last administrator's key; make another one first")
            if not await store.revoke(connection, key_id, now):
                raise NotFoundError(f"no key {key_id}")
        self._known.pop(key_id, None)
        log.info("key revoked", key=key_id, by=by.id)

    async def run(self, health: HealthMonitor) -> None:
        """Keep what we know in step with the database; run it under ``supervise``."""
        health.expect(LOOP)
        while True:
            await self.refresh()
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

    async def _stored(self, key_id: str | None) -> StoredKey | None:
        if key_id is None:
            return None
        if key_id not in self._known:
            for stored in await self._store.find([key_id]):
                self._known[key_id] = stored
        return self._known.get(key_id)

    def _holder(self, key: ApiKey) -> Principal:
        refusal = key.refusal(self._clock.now())
        if refusal is not None:
            raise UnauthenticatedError(refusal)
        return key.principal


def administrator(token: str, identifier: str, clock: Clock) -> StoredKey:
    """The record of the first key, which nobody made."""
    key = ApiKey(
        id=identifier, name="administrator", role=Role.ADMINISTRATOR, created_at=clock.now(), created_by="first start"
    )
    return StoredKey(key, digest(token))
