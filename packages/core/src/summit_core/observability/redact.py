"""Secrets are taken out of all that is written down, by their shape and by the name that they stand beside.

What is looked for: bearer and basic credentials, passwords in URLs, our keys, JSON web tokens, Amazon's access keys,
private keys in PEM, seeds of NATS, Argon2 hashes, cookies, and whatever follows a name such as ``password`` or
``token``. A path that merely contains such a word is no secret.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "[redacted]"
_NAMES: Final = (
    r"pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|token|api[_-]?key|private[_-]?key|access[_-]?key|service[_-]?key"
    r"|session[_-]?secret|credentials?|seed|otp|totp|code[_-]verifier"
)
_SHAPES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bsmt_[0-9A-Za-z_\-]{8,}"
    r"|\beyJ[\w\-]{6,}\.[\w\-]{6,}(?:\.[\w\-]*)?"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b"
    r"|\bS[ACNOUX][A-Z2-7]{50,}\b"
    r"|\$argon2[a-z]+\$[^\s\"']+",
    re.DOTALL,
)
_BESIDE: Final = re.compile(
    r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[\w\-.~+/=]{8,}"
    r"|(?P<url>://[^\s:/@\"']*:)[^\s\"'<>]+(?=@)|(?P<user>://)[^\s:/@\"',]{16,}(?=@)"
    r"|(?P<cookie>\b(?:set-)?cookie[\"']?\s*[:=]\s*)[^\r\n]+"
    rf"|(?P<named>(?:{_NAMES})[\"']?\s*[:=]\s*[\"']?)(?!\[redacted)[^\s@,;&\"'}}\])]{{4,}}"
    r"|(?P<sql>\bpassword\s+')[^']+"
)
_HINTS: Final = (
    "bearer", "basic", "://", "cookie", "pass", "pwd", "secret", "token", "key", "credential", "seed", "otp",
    "verifier", "smt_", "eyj", "akia", "asia", "$argon2",
)  # fmt: skip
_SHORTEST, _SEED_LENGTH = 8, 52
_SECRET_NAME: Final = re.compile(rf"(?i)(?:^|[_\-.])(?:{_NAMES}|authorization|(?:set[_-])?cookie)s?$")


def redact(text: str) -> str:
    """Text without the secrets it may hold."""
    if len(text) < _SHORTEST:
        return text
    lower = text.lower()
    if len(text) < _SEED_LENGTH and not any(hint in lower for hint in _HINTS):  # nearly all: expressions are dear
        return text
    return _BESIDE.sub(_keep_name, _SHAPES.sub(REDACTED, text))


def redacted(value: Any) -> Any:
    """The same of a value however deep: texts in maps, lists and sets, and whatever else by how it shows itself."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _named(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(each) for each in value]
    if isinstance(value, bytes | bytearray):
        return redact(bytes(value).decode(errors="replace"))
    return redact(repr(value) if not isinstance(value, BaseException) else f"{type(value).__name__}: {value}")


def _keep_name(match: re.Match[str]) -> str:
    return (match[match.lastgroup] if match.lastgroup else "") + REDACTED


def _named(name: str, value: Any) -> Any:
    if isinstance(value, str | bytes) and value and _is_secret(name):
        return REDACTED
    return redacted(value)


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None
