"""Passwords: Argon2id (RFC 9106) at 19 MiB and 2 passes, in threads of their own.

That is what the OWASP Password Storage Cheat Sheet asks for. More would be stronger only against somebody who has the
database, and would let a crowd at the door, or one on a field computer, hold everybody up.
"""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError
from summit_core.errors import InputError, OverloadedError

MIN_LENGTH: Final = 12
PROFILE: Final = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19 * 1024, parallelism=1
)
THREADS: Final = 2
"""Each takes a core while it works."""
MAX_WAITING: Final = 32
"""More sign-ins at once than these would wait for seconds; they are told to come back instead."""
P = ParamSpec("P")
T = TypeVar("T")


class Passwords:
    """Hashes and verifies without holding up the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(PROFILE)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        cost = f"m={PROFILE.memory_cost},t={PROFILE.time_cost},p={PROFILE.parallelism}"
        self._nobody = f"$argon2id$v={PROFILE.version}${cost}${_random(PROFILE.salt_len)}${_random(PROFILE.hash_len)}"

    async def hash(self, password: str) -> str:
        return await self._in_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one of ``stored``. For nobody (None) the same work is done, so that the time
        taken does not tell who exists."""
        right = await self._in_thread(self._is_right, stored or self._nobody, _normal(password))
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _is_right(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise OverloadedError("too many sign-ins at once; try again", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))
        finally:
            self._waiting -= 1


def require_fit(name: str, password: str, *, field: str = "password", before: str | None = None) -> None:
    """Raises :class:`InputError` for a password that is too short, the user's name, or the one ``before``. No rules on
    kinds of characters: they make passwords worse (NIST SP 800-63B, 5.1.1.2)."""
    if len(_normal(password)) < MIN_LENGTH:
        raise InputError(f"a password has at least {MIN_LENGTH} characters; use a few words", field=field)
    if password.casefold() == name.casefold():
        raise InputError("the password may not be the name; use a few words", field=field)
    if before is not None and _normal(password) == _normal(before):
        raise InputError("the new password is the old one; choose another", field=field)


def _normal(password: str) -> str:
    """The same password typed on another keyboard may come as other code points (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _random(length: int) -> str:
    return base64.b64encode(os.urandom(length)).rstrip(b"=").decode()
