"""Every device's credentials, in memory: a connection is judged without the database, so a database that is away locks
nobody out. The table ``api_keys`` is the truth; the gateway opens the HTTP door with the same rows."""

import asyncio
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from summit_core.clock import Clock
from summit_core.model import DEFAULT_ORGANISATION, Credential, Principal, Role
from summit_core.model.common import Box
from summit_core.security.token import id_of, is_right

REMEMBERED: Final = timedelta(days=7)
"""How long an ended credential is still shown."""


class Held(NamedTuple):
    """A credential, the device it is of, the SHA-256 of its token, and how far it reaches."""

    credential: Credential
    device: str
    hash: bytes
    organisation: str = DEFAULT_ORGANISATION
    areas: tuple[Box, ...] = ()
    scopes: tuple[str, ...] | None = None

    @property
    def principal(self) -> Principal:
        """Who shows it, as the gateway knows him too."""
        return Principal(
            id=self.credential.id,
            name=self.device,
            role=Role.DEVICE,
            organisation=self.organisation,
            areas=self.areas,
            scopes=self.scopes,
        )


class Rows(Protocol):
    """Where credentials are kept."""

    async def credentials(self, ended_after: datetime, device: str | None = None) -> list[Held]: ...


def end_of(credential: Credential) -> datetime | None:
    """When it ends or ended."""
    ends = [at for at in (credential.expires_at, credential.revoked_at) if at is not None]
    return min(ends, default=None)


class Credentials:
    """``verify`` answers from memory; ``refresh`` brings it in step with the table."""

    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._known: dict[str, Held] = {}
        self._turn = asyncio.Lock()
        self.loaded = asyncio.Event()
        """Set once the table has been read: before that nobody is known, which is not to say that nobody is good."""

    async def refresh(self) -> bool:
        """Read the whole table; whether anything has changed."""
        async with self._turn:
            found = await self._rows.credentials(self._clock.now() - REMEMBERED)
            known = {held.credential.id: held for held in found}
            changed = known != self._known
            self._known = known
        self.loaded.set()
        return changed

    async def refresh_one(self, device: str) -> None:
        """Read those of one device, after a change to them."""
        async with self._turn:  # an older answer must not come after a newer one
            found = await self._rows.credentials(self._clock.now() - REMEMBERED, device)
            others = {key: held for key, held in self._known.items() if held.device != device}
            self._known = others | {held.credential.id: held for held in found}

    def verify(self, device: str, token: str) -> Held | str:
        """The credential that opens the door for this device, or why it stays shut. An unknown id, a wrong secret and
        another's credential take the same time and look the same from outside."""
        held = self._known.get(id_of(token) or "")
        right = is_right(token, held.hash if held else None)
        if held is None or not right or held.device != device:
            return "wrong"
        end = end_of(held.credential)
        if end is not None and end <= self._clock.now():
            return "revoked" if held.credential.revoked_at else "expired"
        return held

    def is_good(self, identifier: str) -> bool:
        """Whether a credential holds now."""
        return self.good(identifier) is not None

    def good(self, identifier: str) -> Held | None:
        """The credential of an id, if it holds now."""
        held = self._known.get(identifier)
        end = end_of(held.credential) if held else None
        return held if end is None or end > self._clock.now() else None

    def by_device(self) -> dict[str, tuple[Credential, ...]]:
        """What is shown of each device's, oldest first."""
        shown: dict[str, tuple[Credential, ...]] = {}
        for held in sorted(self._known.values(), key=lambda one: (one.credential.issued_at, one.credential.id)):
            shown[held.device] = (*shown.get(held.device, ()), held.credential)
        return shown

    def next_end(self) -> datetime | None:
        """When the next one ends that still holds."""
        now = self._clock.now()
        ends = (end_of(held.credential) for held in self._known.values())
        return min((end for end in ends if end is not None and end > now), default=None)
