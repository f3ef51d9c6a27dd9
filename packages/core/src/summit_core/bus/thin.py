"""The connection of the hot paths: a thin NATS client that stays connected for ever and buffers nothing for later.

``make bench-bus`` measures it beside nats-py, which keeps what is not hot: streams, consumers, request and reply. The
servers that a cluster makes known are not followed: behind a proxy or a leaf node they would lead past it.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from itertools import count, cycle
from typing import Any, Final

import msgspec
import structlog

from summit_core.bus.link import CONNECT_TIMEOUT_S, Handler, Link
from summit_core.bus.protocol import CRLF, cancellation, check_subject, publication, subscription
from summit_core.bus.server import Server, servers
from summit_core.errors import UnavailableError, outward

log = structlog.get_logger(__name__)

PING_EVERY_S: Final = 5.0
ROUND_TRIP_S: Final = 2.0
NOT_CONNECTED: Final = "not connected to NATS"
"""What anybody may read of it; the log says where and why."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 1.0
_DENIED: Final = re.compile(r'Permissions Violation for Publish to "(.+)"')


class Connection:
    """Comes back by itself, to one server after the other, with the same subscriptions.

    Publishing while it is away raises :class:`UnavailableError`: the caller keeps its message. The callbacks must not
    block: ``on_connected`` each time it is back, ``on_lost`` with the reason, ``on_denied`` with the subject on which
    the server does not let us publish.
    """

    def __init__(self, urls: str, *, name: str, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: with it nothing is said to a server that does not encrypt."""
        self._servers, self._name, self._tls = servers(urls), name, tls
        self._link: Link | None = None
        self._sids = count(1)
        self._handlers: dict[int, Handler] = {}
        self._subjects: dict[int, str] = {}
        self._connected = asyncio.Event()
        self._complaint = ""
        self._life: asyncio.Task[None] | None = None
        self.problem: str | None = "not connected yet"
        """Why there is no connection, None while there is one."""
        self.on_connected: set[Callable[[], None]] = set()
        self.on_lost: set[Callable[[str], None]] = set()
        self.on_denied: set[Callable[[str], None]] = set()

    async def open(self) -> None:
        """Connect, however long it takes."""
        self._life = asyncio.create_task(self._live(), name="nats")
        await self._connected.wait()

    async def close(self) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait({self._life})
        if self._link is not None:
            await self._link.close()
            self.problem = "closed"
            self._part(self.problem)

    def link(self) -> Link:
        """The present link; raises :class:`UnavailableError` while there is none."""
        if self._link is None:
            raise UnavailableError(NOT_CONNECTED, retry_after_s=2)
        return self._link

    def subscribe(self, subject: str, handler: Handler) -> int:
        """Call ``handler`` with every message; it must not block. Returns the number of the subscription."""
        check_subject(subject)
        sid = next(self._sids)
        self._handlers[sid], self._subjects[sid] = handler, subject
        if self._link is not None:
            self._link.write(subscription(sid, subject))
        return sid

    def unsubscribe(self, sid: int) -> None:
        del self._handlers[sid], self._subjects[sid]
        if self._link is not None:
            self._link.write(cancellation(sid))

    def publish(self, subject: str, data: bytes, *, reply: str = "") -> None:
        """Send without waiting for anything; stored or not is not known."""
        check_subject(subject)
        self.link().write(publication(subject, data, reply))

    async def check(self) -> str | None:
        """None when the server answers a round trip."""
        if self._link is None:
            return NOT_CONNECTED
        try:
            async with asyncio.timeout(ROUND_TRIP_S):
                await self._link.ping()
        except OSError as error:
            return f"NATS does not answer: {outward(error)}"
        return None

    async def _live(self) -> None:
        pause = FIRST_PAUSE_S
        for number, server in enumerate(cycle(self._servers), start=1):
            try:
                link = await self._dial(server)
            except (OSError, UnicodeError) as error:  # or a host name that cannot be one
                self._note(f"{server}: {error or type(error).__name__}")
            else:
                pause = FIRST_PAUSE_S
                self._adopt(link, server)
                while not link.lost.done():
                    await asyncio.wait({link.lost}, timeout=PING_EVERY_S)
                    link.look_alive()  # does nothing to a link that is lost
                self._part(link.lost.result())
            if number % len(self._servers) == 0:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _dial(self, server: Server) -> Link:
        """A link that is signed in: the server has answered a ping after our credentials."""
        link = Link(self._handlers, self._complained)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(lambda: link, server.host, server.port)
                info = await link.hello
                if server.tls or info.tls_required or self._tls is not None:
                    await link.start_tls(server, self._tls)
                link.write(b"CONNECT " + msgspec.json.encode(self._greeting(server)) + CRLF)
                await link.ping()
        except (OSError, asyncio.CancelledError):
            link.abort("gave up")
            raise
        return link

    def _greeting(self, server: Server) -> dict[str, Any]:
        return {
            "name": self._name,
            "lang": "python",
            "version": "summit",
            "protocol": 1,
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            **server.credentials,
        }

    def _adopt(self, link: Link, server: Server) -> None:
        for sid, subject in self._subjects.items():
            link.write(subscription(sid, subject))
        self._link, self.problem = link, None
        self._connected.set()
        log.info("connected to NATS", server=str(server))
        for wake in tuple(self.on_connected):
            wake()

    def _part(self, reason: str) -> None:
        self._link = None
        self._connected.clear()
        self._note(reason)
        for tell in tuple(self.on_lost):
            tell(reason)

    def _note(self, problem: str) -> None:
        if problem != self.problem:  # once, not at every attempt
            log.warning("no connection to NATS", problem=problem)
        self.problem = problem

    def _complained(self, text: str) -> None:
        if text != self._complaint:  # a denied subject is said of every message on it
            log.warning("NATS refuses", error=text)
        self._complaint = text
        denied = _DENIED.search(text)
        if denied:
            for tell in tuple(self.on_denied):
                tell(denied[1])
