"""Calls to the services behind the gateway, on behalf of the caller."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from summit_core.errors import UnavailableError, UpstreamTimeoutError
from summit_core.http.client import Answer, call, server_name
from summit_core.http.context import request_id
from summit_core.model import Principal
from summit_core.security.service_key import PRINCIPAL_HEADER

PASSED_ON: Final = ("accept", "traceparent", "idempotency-key", "if-match", "if-none-match")
UNHURRIED: Final = ClientTimeout(total=None, connect=1.0, sock_read=60.0)
"""Of answers that are long: only silence ends them."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """``urls``: where each service is, by name."""

    session: ClientSession
    urls: dict[str, str]
    service_key: str

    async def forward(
        self,
        service: str,
        method: str,
        target: str,
        *,
        principal: Principal,
        headers: dict[str, str],
        body: bytes | None,
    ) -> Answer:
        """What the service answered, problems included. Raises :class:`UnavailableError` when it is away."""
        url = self.urls[service].rstrip("/") + target
        sent = self._headers(principal) | headers
        try:
            answer = await call(self.session, method, url, upstream=service, headers=sent, body=body)
        except UpstreamTimeoutError:
            raise
        except UnavailableError:
            # A pooled connection may have died with a restart of the service. Only a read may safely be sent twice.
            if method != "GET":
                raise
            answer = await call(self.session, method, url, upstream=service, headers=sent, body=body)
        return _trusted(service, answer)

    @asynccontextmanager
    async def opened(
        self, service: str, method: str, target: str, *, principal: Principal, data: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[ClientResponse]:
        """An answer that is read as it comes, however long that takes, and let go when the caller goes."""
        url = self.urls[service].rstrip("/") + target
        headers = self._headers(principal)
        try:
            async with self.session.request(
                method, url, data=data, headers=headers, timeout=UNHURRIED, server_hostname=server_name(url, service)
            ) as response:
                if response.status == 401:
                    raise UnavailableError(f"{service} cannot answer now; try again", retry_after_s=5)
                yield response
        except TimeoutError:
            raise UpstreamTimeoutError(f"{service} did not answer in time; try again", retry_after_s=2) from None
        except ClientError:
            raise UnavailableError(f"{service} is away; try again", retry_after_s=2) from None

    def _headers(self, principal: Principal) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.service_key}",
            # A name may hold any letter, a header only ASCII.
            PRINCIPAL_HEADER: json.dumps(msgspec.to_builtins(principal)),
            "X-Request-Id": request_id(),
            "Content-Type": "application/json",
        }


def _trusted(service: str, answer: Answer) -> Answer:
    """An answer that the caller may see: not a refusal of our own key, and no bare text of a failing server."""
    if answer.status == 401 or (answer.status >= 500 and "json" not in answer.content_type):
        raise UnavailableError(f"{service} cannot answer now; try again", retry_after_s=5)
    return answer
