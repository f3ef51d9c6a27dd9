"""When a request is done, when its answer is given again, and when neither is right."""

import asyncio
from typing import Final

import structlog
from summit_core.errors import ConflictError, ErrorCode, IdempotencyError, InputError, UnavailableError
from summit_core.http.routes import Route, RouteTable
from summit_core.ids import new_id
from summit_core.observability.health import HealthMonitor

from summit_gateway.idempotency.key import HEADER, Request
from summit_gateway.idempotency.store import Answer, IdempotencyStore

log = structlog.get_logger(__name__)

LOOP: Final = "idempotency"
EXPIRE_EVERY_S: Final = 60.0
LEASE_S: Final = 30.0
"""Longer than any answer may take; who has not answered by then will not."""
KEPT_S: Final = 24 * 3600.0
MAX_ANSWER: Final = 4 * 1024 * 1024
KEPT_HEADERS: Final = frozenset({"content-type", "content-location", "etag", "location", "cache-control"})
NOT_DONE: Final = frozenset({401, 403, 404, 408, 412, 413, 415, 425, 428, 429, 503})
"""Answers that say that nothing was done and that may be another one next time."""
REPEATABLE: Final[frozenset[Route]] = frozenset(
    ("POST", path)
    for path in (
        "/v1/observations",
        "/v1/alerts/{id}/ack",
        "/v1/incidents/{id}/state",
        "/v1/tasks/{id}/approve",
        "/v1/tasks/{id}/reject",
        "/v1/tasks/{id}/cancel",
        "/v1/entities",
        "/v1/entities/{id}/merge",
        "/v1/entities/{id}/split",
        "/v1/zones",
        "/v1/dead-letters/{id}/replay",
    )
)
"""Whose service has one effect of many, by the key, by ids or by the state of the object. What is not named here is
never done again by itself when it is unknown whether it was done."""


class Idempotency:
    """The rules; :mod:`store` keeps what they need."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self._repeatable = RouteTable(dict.fromkeys(REPEATABLE, True), default=False)

    async def begin(self, request: Request) -> Answer | str | None:
        """The answer to be given again, or the name of the attempt that is now ours; None to do it without a record.

        Raises :class:`InputError` for another request under the same key, :class:`IdempotencyError` while the first is
        underway, :class:`ConflictError` when it cannot be told what became of it or its answer held a secret.
        """
        repeatable, attempt = self._is_repeatable(request), new_id()
        try:
            found = await self._store.begin(request, attempt, take_over=repeatable)
        except UnavailableError:
            if repeatable:  # an alert is acknowledged even while the database is away
                return None
            raise
        if found is None:
            return attempt
        if found.fingerprint != request.fingerprint:
            raise InputError(
                "Idempotency-Key: it was used for another request; use a new one for each thing to be done",
                code=ErrorCode.IDEMPOTENCY_MISMATCH,
                field=HEADER,
            )
        if found.answer is None and found.leased:
            raise IdempotencyError("the same request is being worked on; ask again for its answer", retry_after_s=1)
        if found.answer is None:
            raise ConflictError(
                "it is not known whether this was done: its answer was lost. Look, and if it was not, use a new key",
                code=ErrorCode.IDEMPOTENCY_UNKNOWN,
            )
        if found.answer.body is None:
            raise ConflictError(
                "this was done, and its answer held a secret, which is shown once; withdraw that and make another",
                code=ErrorCode.IDEMPOTENCY_SECRET,
            )
        return found.answer

    async def finish(self, request: Request, attempt: str, answer: Answer) -> None:
        """Keep the answer, as far as it may be given again. The work is done: what fails here changes no answer."""
        status, headers = answer.status, answer.headers
        try:
            if status in NOT_DONE or (status >= 500 and self._is_repeatable(request)):
                await self._store.forget(request, attempt)
            elif status >= 500:
                await self._store.give_up(request, attempt)
            else:
                hidden = "no-store" in headers.get("cache-control", "") or "set-cookie" in headers
                kept = {name: value for name, value in headers.items() if name in KEPT_HEADERS}
                body = None if hidden or len(answer.body or b"") > MAX_ANSWER else answer.body
                await self._store.finish(request, attempt, Answer(status, kept, body))
        except UnavailableError:
            log.warning("an answer was not kept", route=request.route, status=status)

    async def run(self, health: HealthMonitor) -> None:
        """Remove what has expired; run it under ``supervise``."""
        health.expect(LOOP, max_age_s=3 * EXPIRE_EVERY_S)
        while True:
            await self._store.expire()
            health.beat(LOOP)
            await asyncio.sleep(EXPIRE_EVERY_S)

    def _is_repeatable(self, request: Request) -> bool:
        method, _, path = request.route.partition(" ")
        return self._repeatable.of(method, path)
