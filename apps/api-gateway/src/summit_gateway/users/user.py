"""A person who may sign in, as kept and shown."""

from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType
from summit_core.model import Principal, Role
from summit_core.model.common import Box, Key, Timestamp

PEOPLE: Final = (Role.VIEWER, Role.OPERATOR, Role.COMMANDER, Role.ADMINISTRATOR)
PersonRole = Literal["viewer", "operator", "commander", "administrator"]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")]
Password = Annotated[str, Meta(max_length=1024)]
Areas = Annotated[tuple[Box, ...], Meta(max_length=20)]


class User(Struct, frozen=True, kw_only=True):
    """``must_change``: an administrator knows the password, so the next sign-in has to bring another."""

    id: str
    name: str
    role: Role
    organisation: str
    areas: tuple[Box, ...] = ()
    active: bool
    must_change: bool
    totp: bool
    created_at: Timestamp
    created_by: str

    @property
    def principal(self) -> Principal:
        return Principal(id=self.id, name=self.name, role=self.role, organisation=self.organisation, areas=self.areas)


class StoredUser(NamedTuple):
    """With what only the server knows. No session that began before ``sessions_since`` holds; ``read_at`` is the
    database's time."""

    user: User
    password: str
    sessions_since: datetime
    totp: bytes | None
    totp_step: int
    read_at: datetime


class NewUser(Struct, frozen=True, kw_only=True):
    """Without ``organisation``: the asker's. The password has to be changed at the first sign-in."""

    name: Name
    role: PersonRole
    password: Password
    organisation: Key | None = None
    areas: Areas = ()


class UserPatch(Struct, frozen=True, kw_only=True):
    """What is absent stays. ``totp`` and ``passkeys`` can only be switched off here: for somebody who has lost his
    device. A new password takes the passkeys away too: whoever had the account may have added one."""

    role: PersonRole | UnsetType = UNSET
    areas: Areas | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    totp: Literal["off"] | UnsetType = UNSET
    passkeys: Literal["off"] | UnsetType = UNSET


class UserList(Struct, frozen=True, kw_only=True):
    items: list[User]
    next: str | None = None
    seq: int
