"""Calls to a service that is away, slow, broken or back again; each fault is made by a real proxy on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from summit_core.errors import OverloadedError, SummitError, UnavailableError, UpstreamTimeoutError
from summit_core.http import deadline
from summit_core.http.client import Upstream, create_session
from summit_core.http.client.breaker import BreakerOpenError, State
from summit_core.http.client.lean import is_plain
from summit_core.http.client.retry import RetryBudget, pause_s
from summit_core.http.client.session import KEPT, Pool
from summit_core.observability import trace
from waiting import eventually

READ_S = 0.2


@dataclass
class Service:
    """Stands behind: counts what reaches it, and answers by turns with these statuses."""

    port: int = 0
    hits: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    wait: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.hits.append(request.method)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if request.path == "/slow":
            await self.wait.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text="bare" if status == 502 else "{}", content_type="text/plain")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    standing_in = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", standing_in.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    standing_in.port = listening.getsockname()[1]
    await web.SockSite(runner, listening).start()
    yield standing_in
    standing_in.wait.set()
    await runner.cleanup()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Call:
    """An upstream behind a proxy, and what became of calls to it."""

    upstream: Upstream
    proxy: Any
    clock: Clock

    async def __call__(self, method: str = "GET", target: str = "/", **more: Any) -> int | type[SummitError]:
        try:
            return (await self.upstream.call(method, target, headers={}, **more)).status
        except SummitError as error:
            assert "127.0.0.1" not in error.detail
            return type(error)


@pytest.fixture
async def call(service: Service, chaos_proxy: Callable[[int], Awaitable[Any]]) -> AsyncIterator[Call]:
    proxy, clock = await chaos_proxy(service.port), Clock()
    async with create_session() as session:
        yield Call(Upstream("unit", proxy.url, session, read_s=READ_S, clock=clock), proxy, clock)


async def test_a_frozen_upstream_is_asked_five_times_not_sixty(call: Call) -> None:
    await call.proxy.become("hang")
    outcomes = [await call() for _ in range(20)]
    assert outcomes[:5] == [UpstreamTimeoutError] * 5
    assert outcomes[5:] == [BreakerOpenError] * 15
    assert call.proxy.taken == 5


async def test_fifty_callers_of_an_upstream_that_may_be_back_send_one_probe(call: Call, service: Service) -> None:
    await call.proxy.become("hang")
    await asyncio.gather(*(call() for _ in range(5)))
    call.clock.now += 1.0
    before = call.proxy.taken
    outcomes = await asyncio.gather(*(call() for _ in range(50)))
    assert call.proxy.taken - before == 1
    assert outcomes.count(BreakerOpenError) == 49
    assert call.upstream.breaker.state is State.OPEN
    await call.proxy.become("ok")
    call.clock.now += 1.0
    before = len(service.hits)
    outcomes = await asyncio.gather(*(call() for _ in range(50)))
    assert (outcomes.count(200), len(service.hits) - before) == (1, 1)
    assert await call() == 200, "the breaker has closed"


async def test_a_probe_that_its_caller_calls_off_is_nobodys_fault(call: Call) -> None:
    await call.proxy.become("hang")
    await asyncio.gather(*(call() for _ in range(5)))
    call.clock.now += 1.0
    before = call.proxy.taken
    probe = asyncio.create_task(call())
    await eventually(lambda: call.proxy.taken > before)
    probe.cancel()
    await asyncio.wait([probe])
    assert call.upstream.breaker.state is State.HALF_OPEN
    await call.proxy.become("ok")
    assert await call() == 200
    assert call.upstream.breaker.state is State.CLOSED


async def test_a_post_is_never_sent_twice(call: Call, service: Service) -> None:
    service.statuses = [502, 200]
    assert await call("POST") is UnavailableError
    assert service.hits == ["POST"]
    await call.proxy.become("reset")
    assert await call("POST") is UnavailableError
    assert service.hits == ["POST"]


async def test_what_may_have_been_done_is_not_said_to_be_retriable(call: Call, service: Service) -> None:
    service.statuses = [502]
    with pytest.raises(UnavailableError) as lost:
        await call.upstream.call("POST", "/", headers={})
    assert not lost.value.retriable
    with pytest.raises(UpstreamTimeoutError) as late:
        await call.upstream.call("POST", "/slow", headers={})
    assert not late.value.retriable
    await call.proxy.become("down")
    with pytest.raises(UnavailableError) as refused:
        await call.upstream.call("POST", "/", headers={})
    assert refused.value.retriable, "nothing was sent"


async def test_a_get_and_a_post_that_is_done_once_are_sent_again(call: Call, service: Service) -> None:
    service.statuses = [502, 200]
    assert await call() == 200
    assert service.hits == ["GET", "GET"]
    service.statuses = [502, 502, 200]
    assert await call("POST", idempotent=True) == 200
    assert service.hits[2:] == ["POST", "POST", "POST"]


async def test_retries_stay_within_their_budget(call: Call, service: Service) -> None:
    service.statuses = [502, 200] * 40
    outcomes = []
    for _ in range(30):
        outcomes.append(await call())
        call.clock.now += 3.0  # too seldom for the breaker
    retries = len(service.hits) - 30
    assert retries <= 3 + 0.1 * 30
    assert outcomes.count(200) >= retries > 0


async def test_the_first_call_after_a_restart_succeeds(call: Call) -> None:
    assert await call() == 200
    await call.proxy.become("down")
    await call.proxy.become("ok")
    assert await call() == 200


async def test_a_problem_is_an_answer(call: Call, service: Service) -> None:
    service.statuses = [409, 422, 500, 501] * 5
    assert [await call("POST") for _ in range(20)] == [409, 422, 500, 501] * 5
    assert call.upstream.breaker.state is State.CLOSED


async def test_a_caller_in_a_hurry_blames_nobody(call: Call) -> None:
    """What was given no fair time must not open the breaker for everybody else."""
    call.upstream._read_s = 5.0
    for _ in range(10):
        deadline._deadline.set(asyncio.get_running_loop().time() + 0.15)
        assert await call(target="/slow") is UpstreamTimeoutError
    assert call.upstream.breaker.state is State.CLOSED


async def test_what_is_left_of_the_time_goes_along(call: Call, service: Service) -> None:
    trace.set_current(trace.Trace("a" * 32, "b" * 16, "01", "vendor=1"))
    deadline._deadline.set(asyncio.get_running_loop().time() + 2.0)
    assert await call() == 200
    (sent,) = service.headers
    assert 1000 < int(sent["x-summit-deadline-ms"]) < 2000
    assert (sent["traceparent"], sent["tracestate"]) == (f"00-{'a' * 32}-{'b' * 16}-01", "vendor=1")
    deadline._deadline.set(asyncio.get_running_loop().time() - 0.1)
    assert await call() is UpstreamTimeoutError
    assert len(service.hits) == 1, "nothing is asked for that nobody waits for"


async def test_one_that_hangs_takes_a_bounded_number_of_connections(call: Call) -> None:
    call.upstream._read_s = 5.0
    waiting = [asyncio.create_task(call(target="/slow")) for _ in range(50)]
    await eventually(lambda: call.upstream._underway == 50)
    assert await call() is OverloadedError
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    assert call.upstream._underway == 0


async def test_idle_connections_are_few(service: Service) -> None:
    async with create_session() as session:
        upstream = Upstream("unit", f"http://127.0.0.1:{service.port}", session)
        calls = [asyncio.create_task(upstream.call("GET", "/slow", headers={})) for _ in range(40)]
        await eventually(lambda: len(service.hits) == 40)
        service.wait.set()
        await asyncio.gather(*calls)
        assert len(upstream._lean._idle) == KEPT
        pool = session.connector
        assert isinstance(pool, Pool)
        assert sum(wire.is_free for wire in pool.wires) == KEPT
    assert not any(wire.is_free for wire in pool.wires), "they end with the session"


def test_the_budget_is_a_share_of_the_calls() -> None:
    budget = RetryBudget(share=0.1, most=2.0, at_start=0.0)
    assert not budget.take()
    for _ in range(100):
        budget.called()
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_pauses_are_of_any_length_up_to_their_bound() -> None:
    for tried, most in ((1, 0.05), (2, 0.1), (10, 0.5)):
        pauses = [pause_s(tried) for _ in range(200)]
        assert 0.0 <= min(pauses) < most / 4
        assert most * 3 / 4 < max(pauses) <= most


@pytest.mark.parametrize(
    ("target", "value", "plain"),
    [
        ("/v1/observations/0-a_b:c", "x", True),
        ("/v1/observations?limit=100&source=cam-1", 'Bearer {"a": 1}', True),
        ("/v1/x HTTP/1.1\r\nX-Summit-Principal: me", "x", False),
        ("/v1/x?a=b\r\n\r\nGET /v1/y", "x", False),
        ("/v1/x?a=b\n", "x", False),
        ("/v1/../keys", "x", False),
        ("/v1/.hidden", "x", False),
        ("/v1/x%2e%2e", "x", False),
        ("http://elsewhere/v1/x", "x", False),
        ("/v1/x#y", "x", False),
        ("/v1/x", "a\r\nX-Summit-Principal: me", False),
        ("/v1/x", "a\n", False),
        ("/v1/x", "Zoë", False),
        ("/v1/x", "\0", False),
    ],
)
def test_only_what_can_end_no_line_is_written_as_it_is(target: str, value: str, plain: bool) -> None:
    assert is_plain(target, {"Accept": value}) is plain


async def answers_of(said: bytes, calls: int) -> tuple[list[Any], int]:
    """What becomes of calls to a server that says these bytes to each request, and how often it was connected to."""
    connected = 0

    class Saying(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            nonlocal connected
            connected += 1
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            assert data.startswith(b"GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
            self.transport.write(said)
            if not said:
                self.transport.close()

    server = await asyncio.get_running_loop().create_server(Saying, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found: list[Any] = []
    async with create_session() as session:
        upstream = Upstream("unit", f"http://127.0.0.1:{port}", session, read_s=READ_S)
        for _ in range(calls):
            try:
                answer = await upstream.call("GET", "/v1/x", headers={}, idempotent=False)
                found.append((answer.status, answer.body))
            except SummitError as error:
                found.append(type(error))
    server.close()
    return found, connected


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("said", "answer", "connected"),
    [
        (JSON_HEAD + b"Content-Length: 2\r\n\r\n{}", (200, b"{}"), 1),
        (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", (200, b"{}"), 1),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + JSON_HEAD + b"Content-Length: 2\r\n\r\n{}", (200, b"{}"), 1),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, b""), 1),
        (JSON_HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", (200, b"{}"), 3),
        (JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", UnavailableError, 3),
        (b"nonsense\r\n\r\n", UnavailableError, 3),
        (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", UnavailableError, 3),
        (JSON_HEAD + b"Content-Length: 9\r\n\r\n{}", UpstreamTimeoutError, 3),
        (b"", UnavailableError, 3),  # a new connection that breaks off is not asked a second time
    ],
)
async def test_a_connection_is_used_again_only_after_a_clean_end(said: bytes, answer: Any, connected: int) -> None:
    assert await answers_of(said, 3) == ([answer] * 3, connected)


async def test_what_comes_unasked_is_nobodys_answer() -> None:
    """A second answer behind the first one must not be read as that of the next request."""
    smuggled = JSON_HEAD + b"Content-Length: 2\r\n\r\n{}" + JSON_HEAD + b'Content-Length: 7\r\n\r\n{"a":1}'
    found, connected = await answers_of(smuggled, 3)
    assert (200, b'{"a":1}') not in found
    assert connected == 3
