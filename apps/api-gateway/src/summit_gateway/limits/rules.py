"""What each request is counted as. A pure function of its scope, once it is known who calls."""

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from starlette.types import Scope
from summit_core.http.limits.middleware import Charge
from summit_core.http.limits.quota import Policy, Quota
from summit_core.model import Principal

from summit_gateway.access import STREAM
from summit_gateway.limits.settings import CLASS_OF, Limits

NEVER_THROTTLED: Final = (
    ("POST", "/v1/alerts/{id}/ack"),
    ("POST", "/v1/tasks/{id}/cancel"),
    ("GET", "/v1/alerts/{id}"),
    ("GET", "/v1/incidents/{id}"),
    ("GET", "/v1/tasks/{id}"),
)
"""What has to work in an emergency: acknowledge, stop, and read what an alarm is about."""
SIGN_IN: Final = (("POST", "/v1/session"), ("GET", "/v1/session/passkey"), ("POST", "/v1/session/passkey"))
"""Counted by address here and by account where the account is known; a wrong credential is no reason to refuse one."""
REFRESH: Final = ("POST", "/v1/session/refresh")
"""Has a count of its own: who guesses passwords behind the same address ends nobody's session."""
HEALTH: Final = frozenset({"/livez", "/readyz", "/health"})
OBSERVATIONS: Final = ("POST", "/v1/observations")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNSTATED_BYTES: Final = 1024 * 1024
"""What a body costs that does not say its length."""


def matcher(routes: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """Of ``METHOD /path``, where a name in braces is any one part."""
    return re.compile("|".join(f"{method} {re.sub(r'{[^}]+}', '[^/]+', path)}" for method, path in routes))


class Kind(Enum):
    """How a request below ``/v1/`` is limited."""

    ORDINARY = auto()
    EXEMPT = auto()
    SIGN_IN = auto()


_kinds: Final = (
    (Kind.EXEMPT, matcher(NEVER_THROTTLED).fullmatch),
    (Kind.SIGN_IN, matcher((*SIGN_IN, REFRESH)).fullmatch),
)


def kind_of(scope: Scope) -> Kind:
    """A WebSocket is a GET. Most requests are of a collection of which no other route is."""
    method, path = scope.get("method", "GET"), scope["path"]
    if (method, _collection(path)) not in _near:
        return Kind.ORDINARY
    return next((kind for kind, matches in _kinds if matches(f"{method} {path}")), Kind.ORDINARY)


def _collection(path: str) -> str:
    """``/v1/tasks`` of ``/v1/tasks/7``."""
    return "/".join(path.split("/", 3)[:3])


_near: Final = frozenset((method, _collection(path)) for method, path in (*NEVER_THROTTLED, *SIGN_IN, REFRESH))


class Rules:
    """``charges`` of one request."""

    def __init__(self, limits: Limits) -> None:
        self._policies: dict[str, Policy] = {
            name: limits.policy(name) for name in type(limits).model_fields if isinstance(getattr(limits, name), Quota)
        }

    def charges(self, scope: Scope, principal: Principal | None, address: str) -> list[Charge]:
        policies, path = self._policies, scope["path"]
        if not path.startswith("/v1/"):
            return [] if path in HEALTH else [Charge(policies["files"], address)]
        kind = kind_of(scope)
        if kind is Kind.EXEMPT:
            return []
        if kind is Kind.SIGN_IN:
            return [Charge(policies["refreshes" if path == REFRESH[1] else "sign_in"], address)]
        if path == STREAM:
            return [Charge(policies["stream_openings"], caller(principal, address))]
        name = "anonymous" if principal is None else CLASS_OF[principal.role]
        key = caller(principal, address)
        found = [Charge(policies[name], key)]
        method = scope.get("method", "GET")
        if (method, path) == OBSERVATIONS:
            if principal is not None:
                found.append(Charge(policies["observation_bytes"], key, _size(scope)))
        elif method not in SAFE:
            found.append(Charge(policies["writes"], key))
        elif path == "/v1/alerts" and name in {"anonymous", "public"}:
            found.append(Charge(policies["public_alerts"], key))
        return found


def caller(principal: Principal | None, address: str) -> str:
    """By whom to count: who it is, and only where nobody knows, from where."""
    return address if principal is None else f"{principal.organisation} {principal.id}"


def _size(scope: Scope) -> int:
    stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(stated) if stated.isdigit() and len(stated) < 16 else UNSTATED_BYTES
