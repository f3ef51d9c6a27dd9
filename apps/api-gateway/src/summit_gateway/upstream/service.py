"""Calls to the services behind the gateway, on behalf of the caller."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final

import msgspec
from aiohttp import ClientResponse
from summit_core.errors import UnavailableError
from summit_core.http.client import Answer, Upstream
from summit_core.http.responses import JSON
from summit_core.model import Principal
from summit_core.security.service_key import PRINCIPAL_HEADER

PASSED_ON: Final = ("accept", "idempotency-key", "if-match", "if-none-match")


class Upstreams:
    """The services by name, called with our key for a person."""

    def __init__(self, services: Mapping[str, Upstream], service_key: str) -> None:
        self.services = services
        self._service_key = service_key

    async def forward(
        self,
        service: str,
        method: str,
        target: str,
        *,
        principal: Principal,
        headers: Mapping[str, str],
        body: bytes | None,
        once: bool = False,
    ) -> Answer:
        """What the service answered, problems included. ``once``: it does the same request only once.

        Raises :class:`UnavailableError` when it is away, :class:`UpstreamTimeoutError` when it is late.
        """
        sent = {**self._headers(principal), **headers}
        if body is not None:
            sent["Content-Type"] = JSON
        answer = await self.services[service].call(
            method, target, headers=sent, body=body, idempotent=method == "GET" or once
        )
        return _trusted(service, answer)

    @asynccontextmanager
    async def opened(
        self, service: str, method: str, target: str, *, principal: Principal, data: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[ClientResponse]:
        """An answer that is read as it comes, however long that takes, and let go when the caller goes."""
        upstream = self.services[service]
        async with upstream.opened(method, target, headers=self._headers(principal), data=data) as response:
            if response.status == 401:
                raise UnavailableError(f"{service} cannot answer now; try again", retry_after_s=5)
            yield response

    def _headers(self, principal: Principal) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._service_key}",
            PRINCIPAL_HEADER: _stated(principal),
        }


@lru_cache(maxsize=1024)
def _stated(principal: Principal) -> str:
    """A name may hold any letter, a header only ASCII."""
    return json.dumps(msgspec.to_builtins(principal))


def _trusted(service: str, answer: Answer) -> Answer:
    """An answer that the caller may see: not a refusal of our own key, and no bare text of a failing server."""
    if answer.status == 401 or (answer.status >= 500 and "json" not in answer.content_type):
        raise UnavailableError(f"{service} cannot answer now; try again", retry_after_s=5)
    return answer
