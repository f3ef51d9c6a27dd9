"""What each request is counted as. A pure function of its scope, once it is known who calls."""

import re
from collections.abc import Iterable
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


class _Matcher:
    """Most requests are of a collection of which no such route is."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        known = list(routes)
        self._near = frozenset((method, _collection(path)) for method, path in known)
        self._matches = matcher(known).fullmatch

    def has(self, scope: Scope) -> bool:
        """A WebSocket is a GET."""
        method, path = scope.get("method", "GET"), scope["path"]
        return (method, _collection(path)) in self._near and self._matches(f"{method} {path}") is not None


def _collection(path: str) -> str:
    """``/v1/tasks`` of ``/v1/tasks/7``."""
    return "/".join(path.split("/", 3)[:3])


class Rules:
    """``charges`` of one request."""

    def __init__(self, limits: Limits) -> None:
        self._policies: dict[str, Policy] = {
            name: limits.policy(name) for name in type(limits).model_fields if isinstance(getattr(limits, name), Quota)
        }
        self._exempt, self._sign_in = _Matcher(NEVER_THROTTLED), _Matcher(SIGN_IN)

    def is_sign_in(self, scope: Scope) -> bool:
        return self._sign_in.has(scope) or (scope.get("method"), scope["path"]) == REFRESH

    def is_exempt(self, scope: Scope) -> bool:
        return scope["path"] in HEALTH or self._exempt.has(scope)

    def charges(self, scope: Scope, principal: Principal | None, address: str) -> list[Charge]:
        policies, path = self._policies, scope["path"]
        if not path.startswith("/v1/"):
            return [] if path in HEALTH else [Charge(policies["files"], address)]
        if self.is_exempt(scope):
            return []
        if self.is_sign_in(scope):
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
