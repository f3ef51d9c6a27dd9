"""The first administrator's key: made once, at the first start, and known only to the holder of a file.

A crash at any point leaves no key that nobody knows: the token is on disk (``<file>.new``) before the database commits,
and the next start finishes the rename.
"""

import asyncio
import os
from pathlib import Path

import structlog
from summit_core.clock import Clock
from summit_core.security.token import digest, new_token

from summit_gateway.keys.service import administrator
from summit_gateway.keys.store import KeyStore, any_key, has_hash, insert

log = structlog.get_logger(__name__)


async def ensure_first_key(keys: KeyStore, file: Path, clock: Clock) -> None:
    """Make the first key where there is none, or finish what a crash left half done."""
    unfinished = file.with_name(file.name + ".new")
    async with keys.locked() as connection:
        if not await any_key(connection):
            identifier, token = new_token()
            await asyncio.to_thread(_write, unfinished, token)
            await insert(connection, administrator(token, identifier, clock))
            made = True
        else:
            left = await asyncio.to_thread(_read, unfinished)
            made = left is not None and await has_hash(connection, digest(left))
    await asyncio.to_thread(_finish, file, unfinished, made=made)


def _write(path: Path, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(token + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _read(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def _finish(file: Path, unfinished: Path, *, made: bool) -> None:
    if made:
        unfinished.replace(file)
        log.info("the first administrator's key was written", file=str(file))
        return
    unfinished.unlink(missing_ok=True)
    if not file.exists():
        log.warning(
            "keys exist but the administrator's key file does not: use an administrator's key that you have to make"
            " another (POST /v1/keys); if there is none, empty the table api_keys and restart",
            file=str(file),
        )
