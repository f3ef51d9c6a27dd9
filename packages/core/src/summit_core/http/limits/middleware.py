"""Pure ASGI: counts each request by the rules of the service, and answers 429 when it is too many.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: ``RateLimit-Policy: "reads";q=100;w=60`` is what holds,
``RateLimit: "reads";r=42;t=17`` what is left and for how many seconds. The nearest limit is said first.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import lru_cache
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_core.errors import RateLimitedError
from summit_core.http import problems
from summit_core.http.limits.limiter import Limiter, refused
from summit_core.http.limits.quota import Policy, Verdict, whole_seconds

Header = tuple[bytes, bytes]
REFUSAL: Final = "refusal"


class Charge(NamedTuple):
    """What a request costs whom."""

    policy: Policy
    key: str
    cost: int = 1


class Rules(NamedTuple):
    """``charges``: what a request is counted as; empty for what is never throttled. ``seats``: held while it is
    answered, None for what needs none; raises :class:`RateLimitedError`."""

    limiter: Limiter
    charges: Callable[[Scope], Sequence[Charge]]
    seats: Callable[[Scope], AbstractContextManager[None] | None] = lambda _: None


class LimitsMiddleware:
    """A WebSocket is refused by ``scope["state"]["refusal"]``, which its route tells after the handshake: browsers show
    no status of a handshake that failed."""

    ANSWERS: Final = frozenset({429})

    def __init__(self, app: ASGIApp, *, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        rules = self._rules
        verdicts = []
        for charge in rules.charges(scope):
            verdicts.append(await rules.limiter.take(*charge))
            if not verdicts[-1].admitted:
                await self._refuse(refused(verdicts[-1]), fields(verdicts), scope, receive, send)
                return
        answer = _with_fields(send, fields(verdicts)) if verdicts else send
        seats = rules.seats(scope)
        if seats is None:
            await self._app(scope, receive, answer)
            return
        with ExitStack() as held:
            try:
                held.enter_context(seats)
            except RateLimitedError as error:
                await self._refuse(error, [], scope, receive, send)
                return
            await self._app(scope, receive, answer)

    async def _refuse(
        self, error: RateLimitedError, said: list[Header], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            scope.setdefault("state", {})[REFUSAL] = error
            await self._app(scope, receive, send)
            return
        response = problems.of(error)
        response.raw_headers.extend(said)
        await response(scope, receive, send)


def fields(verdicts: Sequence[Verdict]) -> list[Header]:
    """The two fields, of the limits that were asked."""
    nearest = sorted(verdicts, key=lambda one: (one.admitted, one.remaining)) if len(verdicts) > 1 else verdicts
    if not nearest:
        return []
    policies = ", ".join([_stated(policy) for policy, *_ in nearest])
    states = ", ".join(
        [
            f'"{policy.name}";r={remaining};t={whole_seconds(retry_after_s or reset_s)}'
            for policy, _, remaining, retry_after_s, reset_s in nearest
        ]
    )
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", states.encode())]


@lru_cache(maxsize=128)
def _stated(policy: Policy) -> str:
    return f'"{policy.name}";q={policy.quota.amount};w={policy.quota.window_s}'


def _with_fields(send: Send, said: list[Header]) -> Send:
    async def send_with_fields(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *said]
        await send(message)

    return send_with_fields
