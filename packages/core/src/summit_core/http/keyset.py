"""Where the next page of a list begins that is sorted by key: an opaque cursor, bound to its list.

Not signed: behind any key stands only what the caller may see anyway. A cursor of another list, or one that somebody
made up, is refused by name, because going on from it would leave things out without a word.
"""

import base64
import binascii
import re
from typing import Final

import msgspec

from summit_core.errors import InputError
from summit_core.model.common import KEY_PATTERN

_key: Final = re.compile(KEY_PATTERN[:-1])


class _Behind(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    list: str
    key: str


def cursor_behind(of: str, key: str | None) -> str | None:
    """What ``next`` says of the list ``of`` after ``key``; None at the end."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(_Behind(of, key))).decode().rstrip("=")


def key_behind(of: str, cursor: str | None) -> str:
    """The key to go on behind, empty for the first page; raises :class:`InputError` that names ``cursor``."""
    if cursor is None:
        return ""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        behind = msgspec.json.decode(data, type=_Behind)
    except (binascii.Error, ValueError, RecursionError):
        raise _foreign() from None
    if behind.list != of or _key.fullmatch(behind.key) is None:
        raise _foreign()
    return behind.key


def _foreign() -> InputError:
    return InputError("cursor: not one of this list; pass back its `next` as it came", field="cursor")
