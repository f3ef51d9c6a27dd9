"""What makes two requests the same. Pure."""

import re
from hashlib import sha256
from typing import Final, NamedTuple

from summit_core.errors import InputError

HEADER: Final = "idempotency-key"
PATTERN: Final = r'^"?[\x21\x23-\x7e]{1,200}"?$'
_shape = re.compile(r'"?(?P<key>[\x21\x23-\x7e]{1,200})"?')


class Request(NamedTuple):
    """``route`` is method and path; ``fingerprint`` tells what else was asked under the same key."""

    caller: str
    route: str
    key: str
    fingerprint: bytes


def key_of(text: str) -> str:
    """The key, which may stand in quotes (draft-ietf-httpapi-idempotency-key-header); raises :class:`InputError`."""
    match = _shape.fullmatch(text.strip())
    if match is None:
        raise InputError(
            "Idempotency-Key: send 1 to 200 visible ASCII characters, such as a UUID, new for each thing to be done",
            field=HEADER,
        )
    return match["key"]


def fingerprint(*parts: bytes) -> bytes:
    """Of the query, the kind of body and the body."""
    whole = sha256()
    for part in parts:
        whole.update(b"%d:" % len(part))
        whole.update(part)
    return whole.digest()
