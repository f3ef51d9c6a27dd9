"""The connections that devices have now, and how one is ended: through the system account of the broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Counter
from summit_core.bus.bus import OPTIONS
from summit_core.bus.client import EncryptedClient
from summit_core.errors import UnavailableError, outward

PAGE: Final = 1024
ANSWER_WITHIN_S: Final = 2.0
OTHERS_WITHIN_S: Final = 0.3
"""After the first server of a cluster has answered, the others have so long."""
KICKED = Counter("summit_device_kicks_total", "Connections that were ended because they may no longer be")
log = structlog.get_logger(__name__)


class Connected(NamedTuple):
    """One connection that the callout let in: at which server, by which credential, with which rights (digest), by
    which certificate (its mark; empty where it showed none)."""

    server: str
    number: int
    device: str
    credential: str
    rights: str
    certificate: str


def connection_name(device: str, credential: str, rights: str, certificate: str) -> str:
    """By which the broker knows a connection, so that it can be judged again. No part holds a slash."""
    return f"{device}/{credential}/{rights}/{certificate}"


class _Connection(Struct):
    cid: int
    authorized_user: str = ""


class _Page(Struct):
    server_id: str = ""
    total: int = 0
    connections: list[_Connection] = []


class _Answer(Struct):
    data: _Page


class Connections:
    """Raises :class:`UnavailableError` while the broker does not answer."""

    def __init__(self, url: str, name: str, tls: SSLContext | None = None) -> None:
        """``url`` signs in to the system account."""
        self._url = url
        self._name = name
        self._tls = tls
        self._client: Client = EncryptedClient()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Use the others within it. A wrong password is an error here, not a wait without end."""

        async def on_error(error: Exception) -> None:
            log.warning("system account error", error=str(error), kind=type(error).__name__)

        self._client = EncryptedClient()
        options = OPTIONS | {"tls": self._tls} | {"max_reconnect_attempts": 3}
        try:
            await self._client.connect(self._url, name=self._name, error_cb=on_error, **options)
        except (NatsError, OSError, TimeoutError) as error:
            raise UnavailableError(f"cannot sign in to the system account: {outward(error)}") from error
        try:
            yield
        finally:
            await self._client.close()

    async def all(self) -> list[Connected]:
        """Of every server of the cluster."""
        found: list[Connected] = []
        for page in await self._first_pages():
            offset = 0
            while page.connections:
                found += [one for raw in page.connections if (one := _connected(page.server_id, raw)) is not None]
                offset += len(page.connections)
                if offset >= page.total:
                    break
                answer = await self._ask(f"$SYS.REQ.SERVER.{page.server_id}.CONNZ", _page_from(offset))
                page = _read(answer)
        return found

    async def kick(self, one: Connected) -> None:
        """End a connection; it may come again, and is then judged anew."""
        await self._ask(f"$SYS.REQ.SERVER.{one.server}.KICK", {"cid": one.number})
        KICKED.inc()
        log.info("connection ended", device=one.device, credential=one.credential, number=one.number)

    async def _first_pages(self) -> list[_Page]:
        """One from each server; how many there are shows only in who answers."""
        answers: asyncio.Queue[Msg] = asyncio.Queue()
        pages: list[_Page] = []
        try:
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox, cb=answers.put)
            question = msgspec.json.encode(_page_from(0))
            await self._client.publish("$SYS.REQ.SERVER.PING.CONNZ", question, reply=inbox)
            wait_s = ANSWER_WITHIN_S
            try:
                while True:
                    async with asyncio.timeout(wait_s):
                        pages.append(_read((await answers.get()).data))
                    wait_s = OTHERS_WITHIN_S
            except TimeoutError:
                await subscription.unsubscribe()
        except NatsError as error:
            raise UnavailableError(f"the system account does not answer: {outward(error)}") from error
        if not pages:
            raise UnavailableError("no server says who is connected")
        return pages

    async def _ask(self, subject: str, question: dict[str, Any]) -> bytes:
        try:
            answer = await self._client.request(subject, msgspec.json.encode(question), timeout=ANSWER_WITHIN_S)
        except (NatsError, TimeoutError) as error:
            raise UnavailableError(f"the system account does not answer: {outward(error)}") from error
        return bytes(answer.data)


def _page_from(offset: int) -> dict[str, Any]:
    return {"auth": True, "limit": PAGE, "offset": offset}


def _read(answer: bytes) -> _Page:
    try:
        return msgspec.json.decode(answer, type=_Answer).data
    except msgspec.DecodeError as error:
        raise UnavailableError(f"an answer of the system account cannot be read: {outward(error)}") from error


def _connected(server: str, raw: _Connection) -> Connected | None:
    """None for a connection that the callout did not name."""
    parts = raw.authorized_user.split("/")
    return Connected(server, raw.cid, *parts) if len(parts) == 4 else None
