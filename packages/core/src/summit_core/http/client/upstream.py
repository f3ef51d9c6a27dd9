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
from math import floor
from time import monotonic
from typing import Final, NamedTuple

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from prometheus_client import Counter

from summit_core.errors import OverloadedError, UnavailableError, UpstreamTimeoutError
from summit_core.http import deadline
from summit_core.http.client import retry
from summit_core.http.client.breaker import Breaker, BreakerOpenError
from summit_core.http.client.lean import Lean, Reply, is_plain
from summit_core.http.client.session import CONNECT_S, POOL_S, READ_S, TOTAL_S
from summit_core.http.context import request_id
from summit_core.observability import trace

CALLS = Counter("summit_upstream_calls_total", "Requests sent to a service", ["upstream", "outcome"])
RETRIES = Counter("summit_upstream_retries_total", "Requests sent once more", ["upstream"])
KEPT_HEADERS: Final = ("Allow", "Cache-Control", "Content-Location", "ETag", "Location", "Retry-After", "Vary")
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
        timeout = ClientTimeout(total=_limit_s(again), connect=POOL_S, sock_connect=CONNECT_S, sock_read=self._read_s)
        call = _Call(method, target, headers, body, timeout, again, monotonic())
        if method == "GET" and body is None and is_plain(target, sent := _sent(call)):
            async with self._judged(call):
                reply = await self._lean.get(target, sent, timeout)
                _refuse_bare(reply)
            return _answer(reply, reply.body)
        async with self._asked(call, whole=True) as response:
            content = await response.read()
        return _answer(response, content)

    @asynccontextmanager
    async def opened(
        self, method: str, target: str, *, headers: Mapping[str, str], data: Pieces | None = None
    ) -> AsyncIterator[ClientResponse]:
        """An answer that is read as it comes, however long that takes, and let go when the caller goes."""
        call = _Call(method, target, headers, data, UNHURRIED, method == "GET", monotonic())
        async with self._asked(call, whole=False) as response:
            yield response

    @asynccontextmanager
    async def _asked(self, call: "_Call", *, whole: bool) -> AsyncIterator[ClientResponse]:
        """One request inside the breaker and the bound: until its answer is read if ``whole``, else until it begins."""
        async with (
            self._judged(call) as answered,
            self._session.request(
                call.method,
                self._url + call.target,
                data=call.data,
                headers=_sent(call),
                timeout=call.timeout,
                allow_redirects=False,
                server_hostname=self._server_name(),
            ) as response,
        ):
            _refuse_bare(response)
            if not whole:
                answered()
            yield response

    @asynccontextmanager
    async def _judged(self, call: "_Call") -> AsyncIterator[Callable[[], None]]:
        """Inside the breaker and the bound, until the body ends or says that the answer has come. Raises what a caller
        may be told of what went wrong."""
        if self._underway >= self._at_once:
            raise OverloadedError(f"too many calls to {self.name} are underway; try again", retry_after_s=1)
        permit = self.breaker.enter()
        self._underway += 1
        open_ = True

        def settle(outcome: str, went_well: bool | None) -> None:
            nonlocal open_
            if open_:
                open_ = False
                self._underway -= 1
                self.breaker.leave(permit, went_well)
                CALLS.labels(self.name, outcome).inc()

        try:
            yield lambda: settle("answered", True)
            settle("answered", True)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError):  # nothing was sent
            settle("refused", False)
            raise UnavailableError(f"{self.name} is away; try again", retry_after_s=1) from None
        except TimeoutError:
            settle("too_late", False if monotonic() - call.began >= min(FAIR_S, self._read_s) else None)
            raise deadline.passed(monotonic() - call.began, safe=call.again) from None
        except aiohttp.ClientError:
            settle("lost", False)
            raise _lost(self.name, call.again) from None
        finally:
            settle("called_off", None)

    def _server_name(self) -> str | None:
        """Whose name its certificate must bear: the service's, wherever it runs, so that none can stand in for it."""
        return self.name if self._url.startswith("https:") else None


class _Call(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    data: bytes | Pieces | None
    timeout: ClientTimeout
    again: bool
    began: float


def _refuse_bare(response: ClientResponse | Reply) -> None:
    """What a proxy or a dying server says is no answer of the service."""
    if response.status in BARE and "json" not in response.content_type:
        raise aiohttp.ClientPayloadError


def _answer(response: ClientResponse | Reply, body: bytes) -> Answer:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return Answer(response.status, body, response.content_type, kept)


def _limit_s(again: bool) -> float:
    """What this call may take: less than what is left, so that there is time to say that it took too long."""
    left_s = deadline.remaining_s()
    if left_s is None:
        return TOTAL_S
    if left_s <= 2 * MARGIN_S:
        raise deadline.passed(0.0, safe=again)
    return min(TOTAL_S, left_s - MARGIN_S)


def _sent(call: _Call) -> dict[str, str]:
    """The headers, and what every service passes on: the request's id, its trace and what is left of its time."""
    sent = dict(call.headers)
    sent["X-Request-Id"] = request_id()
    if call.timeout.total is not None:
        sent[deadline.HEADER] = str(max(1, floor((call.timeout.total - MARGIN_S) * 1000)))
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
