"""The gateway as the command line speaks to it: one pool, the administrator's key, errors that say what to do."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import click
import msgspec

from summit_cli import endpoints_file
from summit_cli.endpoints_file import Endpoints
from summit_cli.patience import RETRIABLE, Patience


class Gateway:
    """An open session with the gateway of an installation."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._base, self._encryption = endpoints.gateway, endpoints_file.encryption(endpoints)
        self._headers = {"Authorization": f"Bearer {endpoints_file.admin_key(endpoints)}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=30.0, connect=2.0)
        connector = aiohttp.TCPConnector(ssl=self._encryption)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and decoded answer. While the gateway is away or busy it tries again, as ``Retry-After`` says."""
        patience = Patience(self._base)
        while True:
            try:
                status, answer, told = await self._once(method, path, body, params, headers or {})
            except (aiohttp.ClientError, TimeoutError) as error:
                status, answer, told = 503, {"detail": str(error) or type(error).__name__}, {}
            if status not in RETRIABLE:
                return status, answer
            await patience.wait(status, _detail(answer), told)

    async def get(self, path: str, **params: str) -> Any:
        """The answer of a GET that must succeed."""
        status, answer = await self.ask("GET", path, params=params)
        return successful(status, answer)

    async def post(self, path: str, body: object) -> Any:
        """The answer of a POST that must succeed."""
        status, answer = await self.ask("POST", path, body=msgspec.json.encode(body))
        return successful(status, answer)

    async def change(self, method: str, path: str, body: object = None) -> Any:
        """The answer of a PATCH or DELETE that must succeed."""
        status, answer = await self.ask(method, path, body=None if body is None else msgspec.json.encode(body))
        return successful(status, answer)

    async def _once(
        self, method: str, path: str, body: bytes | None, params: dict[str, str] | None, extra: dict[str, str]
    ) -> tuple[int, Any, Mapping[str, str]]:
        if self._session is None:
            raise RuntimeError("use `async with Gateway(...)`")
        headers = extra | ({"Content-Type": "application/json"} if body is not None else {})
        async with self._session.request(
            method, self._base + path, data=body, params=params, headers=headers
        ) as response:
            content = await response.read()
            return response.status, _decoded(content), response.headers


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content) if content else {}
    except msgspec.DecodeError:
        return {"detail": content[:200].decode(errors="replace")}


def _detail(answer: Any) -> str:
    return str(answer.get("detail") or answer.get("code") or answer) if isinstance(answer, dict) else str(answer)


def successful(status: int, answer: Any) -> Any:
    """The answer; raises :class:`click.ClickException` for a refusal."""
    if status >= 400:
        raise click.ClickException(f"the gateway refused ({status}): {_detail(answer)}")
    return answer
