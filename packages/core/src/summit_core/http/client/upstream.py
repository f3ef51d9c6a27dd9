"""One service behind, as this process sees it: how it is called, and when it is not.

What happens to a call, and what a caller may make of it:

refused (nothing was sent): breaker open, nobody listens, too many underway   503, retriable
lost (the connection broke, a bare 502, 503 or 504)                           503, retriable only if idempotent
too late                                                                      504, retriable only if idempotent
answered, whatever the status                                                 passed on as it is

Only idempotent calls are tried again, only when refused or lost, within the deadline and the budget, and never inside
an open breaker. What was too late is not: whoever is slow gets slower by being asked twice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from math import floor
from time import monotonic
from typing import Final, NamedTuple, Self

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from prometheus_client import Counter

from summit_core.errors import OverloadedError, UnavailableError, UpstreamTimeoutError
from summit_core.http import deadline
from summit_core.http.client import retry
from summit_core.http.client.breaker import Breaker, BreakerOpenError, Permit
from summit_core.http.client.lean import Lean, is_plain
from summit_core.http.client.session import CONNECT_S, POOL_S, READ_S, TOTAL_S
from summit_core.http.client.wire import KEPT_HEADERS, NotConnectedError
from summit_core.http.context import request_id
from summit_core.observability import trace

CALLS = Counter("summit_upstream_calls_total", "Requests sent to a service", ["upstream", "outcome"])
RETRIES = Counter("summit_upstream_retries_total", "Requests sent once more", ["upstream"])
NOTHING_SENT: Final = (NotConnectedError, aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)
AT_ONCE: Final = 50
"""Calls underway to one upstream. One that hangs may not take the connections and the time of the others."""
BARE: Final = frozenset({502, 503, 504})
MARGIN_S: Final = 0.05
"""Each hop gives the next one so much less time than it has itself."""
FAIR_S: Final = 1.0
"""Who was given less time than that and did not answer is not to be blamed for it."""
UNHURRIED: Final = ClientTimeout(total=None, connect=POOL_S, sock_connect=CONNECT_S, sock_read=60.0)
"""Of answers that are long: only silence ends them."""
Pieces = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said, as it said it."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str]


class Upstream:
    """``read_s``: the longest silence, seconds. Used by one event loop."""

    def __init__(
        self,
        name: str,
        url: str,
        session: ClientSession,
        *,
        read_s: float = READ_S,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._session, self._read_s, self._at_once = session, read_s, at_once
        self.url = url
        self._budget = retry.RetryBudget()
        self._underway = 0
        self._calls = cache(lambda outcome: CALLS.labels(name, outcome))
        self.breaker = Breaker(name, clock=clock)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end; may be moved."""
        return self._url

    @url.setter
    def url(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._lean = Lean(self._session, self._url, self._server_name())

    async def call(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        idempotent: bool | None = None,
    ) -> Answer:
        """The answer to one request; ``idempotent`` is true of GET, and of what the upstream does only once anyway.

        Raises :class:`UnavailableError` and :class:`UpstreamTimeoutError` without naming an address.
        """
        again = method == "GET" if idempotent is None else idempotent
        self._budget.called()
        tried = 0
        while True:
            tried += 1
            try:
                return await self._try(method, target, headers, body, again)
            except (UpstreamTimeoutError, OverloadedError, BreakerOpenError):
                raise
            except UnavailableError:
                pause_s = retry.pause_s(tried)
                left_s = deadline.remaining_s()
                if not again or tried >= retry.TRIES or (left_s is not None and left_s <= pause_s):
                    raise
                if not self._budget.take():
                    raise
            RETRIES.labels(self.name).inc()
            await asyncio.sleep(pause_s)

    async def _try(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, again: bool
    ) -> Answer:
        total_s = _limit_s(again)
        sent = _sent(headers, total_s)
        if method == "GET" and body is None and is_plain(target, sent):
            with _Judged(self, again):
                reply = await self._lean.get(target, sent, total_s=total_s, silence_s=self._read_s)
                _refuse_bare(reply.status, reply.content_type)
            return Answer(reply.status, reply.body, reply.content_type, reply.headers)
        timeout = ClientTimeout(total=total_s, connect=POOL_S, sock_connect=CONNECT_S, sock_read=self._read_s)
        async with self._asked(_Call(method, target, sent, body, timeout, again), whole=True) as response:
            content = await response.read()
        kept = {
            KEPT_HEADERS[key]: said for name, said in response.headers.items() if (key := name.lower()) in KEPT_HEADERS
        }
        return Answer(response.status, content, response.content_type, kept)

    @asynccontextmanager
    async def opened(
        self, method: str, target: str, *, headers: Mapping[str, str], data: Pieces | None = None
    ) -> AsyncIterator[ClientResponse]:
        """An answer that is read as it comes, however long that takes, and let go when the caller goes."""
        call = _Call(method, target, _sent(headers, None), data, UNHURRIED, method == "GET")
        async with self._asked(call, whole=False) as response:
            yield response

    @asynccontextmanager
    async def _asked(self, call: "_Call", *, whole: bool) -> AsyncIterator[ClientResponse]:
        """One request; inside the breaker and the bound until its answer is read if ``whole``, else until it begins."""
        with _Judged(self, call.again) as judged:
            async with self._session.request(
                call.method,
                self._url + call.target,
                data=call.data,
                headers=call.headers,
                timeout=call.timeout,
                allow_redirects=False,
                server_hostname=self._server_name(),
            ) as response:
                _refuse_bare(response.status, response.content_type)
                if not whole:
                    judged.settle("answered", went_well=True)
                yield response

    def enter(self) -> Permit:
        """Before a request, inside the breaker and the bound; what :meth:`leave` is given. Raises why it may not go."""
        if self._underway >= self._at_once:
            raise OverloadedError(f"too many calls to {self.name} are underway; try again", retry_after_s=1)
        permit = self.breaker.enter()
        self._underway += 1
        return permit

    def leave(self, permit: Permit, outcome: str, *, went_well: bool | None) -> None:
        self._underway -= 1
        self.breaker.leave(permit, went_well)
        self._calls(outcome).inc()

    def blame(self, after_s: float) -> bool | None:
        """What it says of the upstream that it did not answer so long."""
        return False if after_s >= min(FAIR_S, self._read_s) else None

    def _server_name(self) -> str | None:
        """Whose name its certificate must bear: the service's, wherever it runs, so that none can stand in for it."""
        return self.name if self._url.startswith("https:") else None


class _Judged:
    """Inside the breaker and the bound, until the body ends or says by :meth:`settle` that the answer has come. Raises
    what a caller may be told of what went wrong."""

    def __init__(self, upstream: Upstream, again: bool) -> None:
        self._upstream, self._again = upstream, again
        self._began = monotonic()
        self._open = True

    def __enter__(self) -> Self:
        self._permit = self._upstream.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.settle("answered", went_well=True)
        elif isinstance(error, NOTHING_SENT):
            self.settle("refused", went_well=False)
            raise UnavailableError(f"{self._upstream.name} is away; try again", retry_after_s=1) from None
        elif isinstance(error, TimeoutError):
            after_s = monotonic() - self._began
            self.settle("too_late", went_well=self._upstream.blame(after_s))
            raise deadline.passed(after_s, safe=self._again) from None
        elif isinstance(error, aiohttp.ClientError):
            self.settle("lost", went_well=False)
            raise _lost(self._upstream.name, self._again) from None
        else:
            self.settle("called_off", went_well=None)

    def settle(self, outcome: str, *, went_well: bool | None) -> None:
        """Once; what comes after does not count."""
        if self._open:
            self._open = False
            self._upstream.leave(self._permit, outcome, went_well=went_well)


class _Call(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    data: bytes | Pieces | None
    timeout: ClientTimeout
    again: bool


def _refuse_bare(status: int, content_type: str) -> None:
    """What a proxy or a dying server says is no answer of the service."""
    if status in BARE and "json" not in content_type:
        raise aiohttp.ClientPayloadError


def _limit_s(again: bool) -> float:
    """What this call may take: less than what is left, so that there is time to say that it took too long."""
    left_s = deadline.remaining_s()
    if left_s is None:
        return TOTAL_S
    if left_s <= 2 * MARGIN_S:
        raise deadline.passed(0.0, safe=again)
    return min(TOTAL_S, left_s - MARGIN_S)


def _sent(headers: Mapping[str, str], total_s: float | None) -> dict[str, str]:
    """The headers, and what every service passes on: the request's id, its trace and what is left of its time."""
    sent = {**headers, "X-Request-Id": request_id()}
    if total_s is not None:
        sent[deadline.HEADER] = str(max(1, floor((total_s - MARGIN_S) * 1000)))
    here = trace.current()
    if here is not None:
        sent[trace.TRACEPARENT] = here.header()
        if here.state:
            sent[trace.TRACESTATE] = here.state
    return sent


def _lost(name: str, again: bool) -> UnavailableError:
    advice = "try again" if again else "it may have been done all the same: look before you send it again"
    error = UnavailableError(f"{name} broke off; {advice}", retry_after_s=1)
    error.retriable = again
    return error
