"""REST and stream client: post observations, read the picture, decide on tasks."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import replace
from summit_core.errors import UnavailableError
from summit_core.ids import new_id
from summit_core.model import Alert, AnyObservation, Approval, Entity, Incident, Task
from summit_core.security.context import TlsFiles
from summit_core.wire import decode, encode

from summit_sdk.endpoints import Endpoints
from summit_sdk.problem import error_of
from summit_sdk.retry import Backoff
from summit_sdk.stream import Filter, Frame, frames, query_of

T = TypeVar("T")
BATCH = 500
BATCH_BYTES = 200_000
"""Below the 256 KiB that one message may have."""


class Rejection(Struct, frozen=True, kw_only=True):
    """Why one observation was refused; ``index`` counts in the sequence that was given."""

    index: int
    code: str
    detail: str = ""
    field: str | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a post: accepted means stored durably."""

    accepted: int
    rejected: tuple[Rejection, ...] = ()
    ids: tuple[str | None, ...] = ()


class SummitClient:
    """One pooled connection to the gateway; use it as ``async with``.

    Reads, and posts of observations (idempotent by observation id), are repeated while the gateway answers 429, 502,
    503 or 504 or cannot be reached; a decision is sent once: only the caller can judge what a lost answer meant.
    Errors are those of :mod:`summit_core.errors`.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        attempts: int = 6,
        backoff: Backoff | None = None,
        timeout_s: float = 10.0,
        ca_file: str | Path | None = None,
        cert_file: str | Path | None = None,
        key_file: str | Path | None = None,
    ) -> None:
        """``ca_file``: the authority to believe, where it is not one that the machine believes. ``cert_file`` and
        ``key_file``: the certificate to show, where the gateway lets in nobody without one. They are read again when
        they were renewed. Raises :class:`InputError` where one is missing."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._attempts = attempts
        self._backoff = backoff or Backoff()
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._tls = TlsFiles.of(ca_file, cert_file, key_file)
        self._opened: aiohttp.ClientSession | None = None

    @classmethod
    def from_endpoints(
        cls, path: str | Path = ".summit/endpoints.json", *, key: str | None = None, **options: Any
    ) -> Self:
        """The Summit OS that runs here, as its first administrator or with the ``key`` given; ``options`` as for the
        constructor."""
        endpoints = Endpoints.read(path)
        if (known := endpoints.tls) is not None:
            options = {"ca_file": known.ca, "cert_file": known.certificate, "key_file": known.key} | options
        return cls(endpoints.gateway, key or endpoints.admin_key(), **options)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls.context())
        self._opened = aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post_observations(self, observations: Iterable[AnyObservation | Mapping[str, Any]]) -> Receipt:
        """Post any number, in batches. Each has its id before the first attempt: a repeat stores nothing twice."""
        receipts: list[Receipt] = []
        start = 0
        for batch in _batches(observations):
            body = b"[" + b",".join(batch) + b"]"
            receipt = decode(await self._call("POST", "/v1/observations", body=body, partial=True), Receipt)
            receipts.append(_shifted(receipt, start))
            start += len(batch)
        return Receipt(
            accepted=sum(receipt.accepted for receipt in receipts),
            rejected=tuple(rejection for receipt in receipts for rejection in receipt.rejected),
            ids=tuple(id_ for receipt in receipts for id_ in receipt.ids),
        )

    async def entities(self, **filters: str) -> list[Entity]:
        """The live picture; ``kind=``, ``class_=``, ``owner=``, ``freshness=`` narrow it."""
        return await self._list("entities", Entity, filters)

    async def incidents(self) -> list[Incident]:
        return await self._list("incidents", Incident)

    async def alerts(self) -> list[Alert]:
        return await self._list("alerts", Alert)

    async def tasks(self) -> list[Task]:
        return await self._list("tasks", Task)

    async def entity(self, id_: str) -> Entity:
        return await self._get("entities", id_, Entity)

    async def incident(self, id_: str) -> Incident:
        return await self._get("incidents", id_, Incident)

    async def alert(self, id_: str) -> Alert:
        return await self._get("alerts", id_, Alert)

    async def task(self, id_: str) -> Task:
        return await self._get("tasks", id_, Task)

    async def approval(self, id_: str) -> Approval:
        return await self._get("approvals", id_, Approval)

    async def approve(self, task: Task, reason: str = "") -> None:
        """Approve the plan that ``task`` shows. Raises :class:`ConflictError` (``plan_changed``) for another plan."""
        await self._decide("tasks", task.id, "approve", {"plan_hash": task.plan_hash, "reason": reason})

    async def reject(self, task: Task, reason: str) -> None:
        await self._decide("tasks", task.id, "reject", {"plan_hash": task.plan_hash, "reason": reason})

    async def ack(self, alert_id: str, note: str = "") -> None:
        """Acknowledge an alert."""
        await self._decide("alerts", alert_id, "ack", {"note": note})

    def stream(
        self,
        *,
        types: Sequence[str] = (),
        since: int | None = None,
        fields: Sequence[str] = (),
        **wanted: Unpack[Filter],
    ) -> AsyncIterator[Frame]:
        """The picture and then every change, for ever; see :func:`summit_sdk.stream.frames`. Narrowed to ``types`` and
        to what is ``wanted``; with ``fields`` bodies have these only (read :attr:`Frame.body` then)."""
        query = query_of(types, fields, wanted)
        return frames(self._session, f"{self._url}/v1/stream", query=query, since=since, backoff=self._backoff)

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise RuntimeError("use the client as `async with SummitClient(...) as summit:`")
        return self._opened

    async def _get(self, collection: str, id_: str, type_: type[T]) -> T:
        return _decoded(await self._call("GET", f"/v1/{collection}/{quote(id_, safe='')}"), type_)

    async def _list(self, collection: str, type_: type[T], filters: Mapping[str, str] | None = None) -> list[T]:
        """Every page of a list."""
        params = {name.rstrip("_"): value for name, value in (filters or {}).items()}
        items: list[T] = []
        while True:
            page = _decoded(await self._call("GET", f"/v1/{collection}", params=params), _Page)
            items.extend(_decoded(item, type_) for item in page.items)
            if page.next is None:
                return items
            params["cursor"] = page.next

    async def _decide(self, collection: str, id_: str, verb: str, body: dict[str, str]) -> None:
        await self._call("POST", f"/v1/{collection}/{quote(id_, safe='')}/{verb}", body=encode(body), attempts=1)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        partial: bool = False,
        attempts: int | None = None,
    ) -> bytes:
        attempt = 1
        while True:
            try:
                return await self._once(method, path, params, body, partial)
            except UnavailableError as error:
                if attempt >= (attempts or self._attempts):
                    raise
                await asyncio.sleep(self._backoff.delay(attempt, error.retry_after_s))
            attempt += 1

    async def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, body: bytes | None, partial: bool
    ) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._session.request(
                method, self._url + path, params=params, data=body, headers=headers
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise UnavailableError(f"the gateway does not answer: {error}") from error
        if answer.ok or (partial and answer.status == 422 and b'"rejected"' in content):
            return content
        raise error_of(answer.status, content, answer.headers.get("Retry-After"))


class _Page(Struct):
    items: list[msgspec.Raw]
    next: str | None = None


def _decoded(data: bytes | msgspec.Raw, type_: type[T]) -> T:
    """An answer of the gateway, which may be larger than a message from outside."""
    return msgspec.json.decode(data, type=type_)


def _batches(observations: Iterable[AnyObservation | Mapping[str, Any]]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for observation in observations:
        data = encode(_with_id(observation))
        if batch and (len(batch) == BATCH or size + len(data) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(data)
        size += len(data) + 1
    if batch:
        yield batch


def _with_id(observation: AnyObservation | Mapping[str, Any]) -> AnyObservation | Mapping[str, Any]:
    if isinstance(observation, Mapping):
        return observation if observation.get("id") else {**observation, "id": new_id()}
    return observation if observation.id else replace(observation, id=new_id())


def _shifted(receipt: Receipt, start: int) -> Receipt:
    return replace(receipt, rejected=tuple(replace(one, index=one.index + start) for one in receipt.rejected))
