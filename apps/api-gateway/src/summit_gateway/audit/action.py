"""One request as the audit sees it: its intention before anything is done, what came of it before it is answered."""

import hashlib
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope
from summit_core.audit.record import AuditRecord, Outcome, actor, outcome_of, plain
from summit_core.audit.trail import Trail
from summit_core.clock import Clock
from summit_core.http.context import request_id
from summit_core.http.routes import template_of
from summit_core.ids import new_id
from summit_core.model import DEFAULT_ORGANISATION, Principal

from summit_gateway.body import SMALL_BYTES
from summit_gateway.identity import PRINCIPAL
from summit_gateway.limits.service import Limiting

SERVICE: Final = "api-gateway"
ACTION: Final = "audit"
SIGNED_IN: Final = "signed_in"
DATA: Final = frozenset({("POST", "/v1/observations")})
"""Data, not decisions: each is kept itself, with its source, and accounted for. Here a minute of them is one record."""
SECRET: Final = frozenset({"/v1/session", "/v1/session/refresh", "/v1/session/totp", "/v1/users", "/v1/users/{id}"})
"""Their bodies hold passwords: a fast hash of one is as good as the password to whoever reads the audit and guesses."""

T = TypeVar("T")


class _Said(Struct):
    """What the audit takes from a body."""

    reason: object = None
    note: object = None
    plan_hash: object = None


class _Told(Struct):
    """What the audit takes from an answer: the id of what was made, or the code of a problem."""

    id: object = None
    code: object = None
    registration: "_Told | None" = None


class HasTrail:
    trail: Trail
    clock: Clock
    limits: Limiting


class Action:
    """``receive`` stands before that of the app, and sees what the app reads."""

    def __init__(self, scope: Scope, receive: Receive, services: HasTrail) -> None:
        self._scope, self._receive, self._services = scope, receive, services
        self._read: list[Message] = []
        self._body = b""
        self._ended = False
        self._intent: AuditRecord | None = None

    @cached_property
    def _hash(self) -> Any:
        """Of the body; most requests have none."""
        return hashlib.sha256()

    @property
    def name(self) -> tuple[str, str]:
        """Method and route template."""
        return self._scope["method"], template_of(self._scope)

    @property
    def intended(self) -> bool:
        return self._intent is not None

    async def receive(self) -> Message:
        return self._read.pop(0) if self._read else await self._next()

    async def intend(self) -> None:
        """Before the change: returns once the intention is durable; raises :class:`UnavailableError`, and then nothing
        must be done. A small body is read first, so that its hash stands in the intention already."""
        if self.name in DATA:
            return
        length = HTTPConnection(self._scope).headers.get("content-length", "0")
        if length.isdecimal() and 0 < int(length) <= SMALL_BYTES:
            while not self._ended:
                self._read.append(await self._next())
        intent = self.record("intended")
        await self._services.trail.write(intent)
        self._intent = intent

    def record(
        self, outcome: Outcome, *, status: int | None = None, answer: bytes = b"", version: str | None = None
    ) -> AuditRecord:
        """What is known by now."""
        method, route = self.name
        who, said, told = self._principal(), _read(self._body, _Said), _read(answer, _Told)
        connection = HTTPConnection(self._scope)
        reason = said.reason or said.note or connection.query_params.get("reason")
        made = told.registration or told
        key = self._scope.get("path_params", {}).get("id") or (made.id if outcome == "done" else None)
        return AuditRecord(
            id=new_id(),
            at=self._services.clock.now(),
            service=SERVICE,
            action=f"{method} {route}",
            outcome=outcome,
            organisation=DEFAULT_ORGANISATION if who is None else who.organisation,
            principal=actor(who),
            client=_text(self._services.limits.address(self._scope), 64),
            request_id=request_id() or None,
            object_type=_type_of(route),
            object=_text(key, 64),
            status=status,
            code=_text(told.code, 64) if status is None or status >= 400 else None,
            reason=_text(reason),
            version=_text(connection.headers.get("if-match"), 64),
            new_version=_text(version, 64),
            plan_hash=_text(said.plan_hash, 128),
            body_sha256=self._hash.hexdigest() if self._ended and self._body and route not in SECRET else None,
            intent=None if self._intent is None else self._intent.id,
        )

    def outcome(self, status: int, answer: bytes, version: str | None) -> AuditRecord:
        return self.record(outcome_of(status), status=status, answer=answer, version=version)

    def _principal(self) -> Principal | None:
        state = self._scope["state"]
        found = state.get(SIGNED_IN) or state.get(PRINCIPAL)
        return found if isinstance(found, Principal) else None

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and self.name not in DATA:
            piece = message.get("body", b"")
            self._hash.update(piece)
            if len(self._body) < SMALL_BYTES:
                self._body += piece
        self._ended = self._ended or not message.get("more_body", False)
        return message


def action_of(connection: HTTPConnection) -> Action:
    found = connection.scope["state"][ACTION]
    assert isinstance(found, Action)
    return found


def signed_in(connection: HTTPConnection, principal: Principal) -> None:
    """Of a request that came without a credential: who it turned out to be. Say it before the answer."""
    connection.scope["state"][SIGNED_IN] = principal


def _read(data: bytes, type_: type[T]) -> T:
    """What of it is there; nothing, where it is no such thing."""
    try:
        return msgspec.json.decode(data, type=type_) if data else type_()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return type_()


def _text(value: object, at_most: int = 1000) -> str | None:
    return plain(value, at_most) if isinstance(value, str) and value else None


def _type_of(route: str) -> str | None:
    """``alerts`` of ``/v1/alerts/{id}/ack``."""
    parts = route.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "v1" else None
