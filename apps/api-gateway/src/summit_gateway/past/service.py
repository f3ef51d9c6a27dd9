"""Reads of a moment, passed on to fabric: a page as it comes, or a whole picture to narrow down or stream."""

from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Raw, Struct
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from summit_core.bus import Change, Picture
from summit_core.errors import UnavailableError
from summit_core.http.responses import JSON
from summit_core.model import WorldEvent, WorldType
from summit_core.model.common import Timestamp

from summit_gateway.identity import principal_of
from summit_gateway.services import Services

MOMENT: Final = ("as_of", "bundle")
"""The parameters by which a read is one of the past."""


class PastError(Exception):
    """Fabric refused; ``response`` is its answer, for the caller."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"fabric answered {response.status_code}")
        self.response = response


class _Line(Struct, frozen=True):
    """A frame of the stream, as fabric says it."""

    op: Literal["snapshot", "upsert", "snapshot-end"]
    seq: int
    type: WorldType = "entities"
    key: str = ""
    body: Raw = Raw(b"null")
    server_time: Timestamp | None = None


_line = msgspec.json.Decoder(_Line).decode


def asked(connection: HTTPConnection) -> bool:
    return any(name in connection.query_params for name in MOMENT)


async def forwarded(services: Services, request: Request, name: str, identifier: str | None = None) -> Response:
    """The list or the object of this name at the moment that the request asks for."""
    path = f"/v1/history/{name}" + (f"/{identifier}" if identifier else "")
    return await _ask(services, request, f"{path}?{request.url.query}")


def picture_at(connection: HTTPConnection, types: Iterable[WorldType] | None) -> str:
    """Where fabric has the picture of the moment as frames of the stream."""
    query = {name: connection.query_params[name] for name in MOMENT if name in connection.query_params}
    if types is not None:
        query["types"] = ",".join(types)
    return f"/v1/history?{urlencode(query)}"


async def frames(services: Services, connection: HTTPConnection, types: Iterable[WorldType] | None) -> list[bytes]:
    """The picture of the moment as frames of the stream. Raises :class:`PastError`."""
    answer = await _ask(services, connection, picture_at(connection, types))
    if answer.status_code != 200:
        raise PastError(answer)
    return bytes(answer.body).splitlines()


async def changes(
    services: Services, connection: HTTPConnection, types: Iterable[WorldType] | None
) -> tuple[list[Change], int]:
    """Every object of the moment, and the world sequence of then. Raises :class:`PastError`."""
    lines = [_line(line) for line in await frames(services, connection, types)]
    if not lines or lines[-1].op != "snapshot-end" or lines[0].server_time is None:
        raise UnavailableError("the picture of then broke off; try again", retry_after_s=1)
    now, owner = lines[0].server_time, principal_of(connection).owner  # nobody else's reaches him
    found = [
        Change(
            one.seq,
            WorldEvent(
                id="",
                type=one.type,
                key=one.key,
                op="upsert",
                source="",
                at=now,
                organisation=owner,
                body=one.body,
            ),
        )
        for one in lines
        if one.op == "upsert"
    ]
    return found, lines[0].seq


async def picture(services: Services, request: Request, type_: WorldType) -> tuple[Picture, int]:
    """One type at the moment that the request asks for. Raises :class:`PastError`."""
    found, seq = await changes(services, request, [type_])
    made = Picture((type_,))
    for change in found:
        made.apply(change)
    return made, seq


async def _ask(services: Services, connection: HTTPConnection, target: str) -> Response:
    answer = await services.upstreams.forward(
        *("fabric", "GET", target),
        principal=principal_of(connection),
        headers={name: connection.headers[name] for name in ("if-none-match",) if name in connection.headers},
        body=None,
    )
    return Response(answer.body, answer.status, answer.headers, media_type=answer.content_type or JSON)
