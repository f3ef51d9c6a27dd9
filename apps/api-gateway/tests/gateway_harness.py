"""The running gateway, its stand-in upstream and a writer of the world, for the tests beside it."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from fastapi import FastAPI
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from summit_core.bus import Bus, WorldWriter
from summit_core.model import Entity, Location
from summit_gateway.app import build_app
from summit_gateway.settings import GatewaySettings
from waiting import eventually

SERVICE_KEY = "service-key-of-the-tests"
INLINE = "self.__next_f=[1]"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Upstream:
    """Stands in for the services behind: answers what it is told to, and remembers what it was asked."""

    port: int = 0
    status: int = 200
    body: dict[str, Any] = field(default_factory=lambda: {"ok": True})
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(
            {
                "method": request.method,
                "target": request.path_qs,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": await request.read(),
            }
        )
        kind = "application/problem+json" if self.status >= 400 else "application/json"
        return web.Response(status=self.status, body=json.dumps(self.body), content_type=kind)


@dataclass
class Gateway:
    """The running gateway, as a client sees it."""

    app: FastAPI
    settings: GatewaySettings
    url: str
    http: aiohttp.ClientSession
    admin_key: str = ""

    def headers(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.admin_key}"}

    async def get(self, path: str, *, key: str | None = None, **headers: str) -> tuple[int, Any]:
        async with self.http.get(self.url + path, headers=self.headers(key) | headers) as response:
            return response.status, await response.json(content_type=None)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> tuple[int, Any]:
        data = body if isinstance(body, bytes | io.BytesIO) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | self.headers(key) | headers
        async with self.http.post(self.url + path, data=data, headers=sent) as response:
            return response.status, await response.json(content_type=None)

    async def key(self, role: str, name: str = "someone") -> str:
        status, made = await self.post("/v1/keys", {"name": name, "role": role})
        assert status == 201, made
        return str(made["key"])

    async def is_ready(self) -> bool:
        try:
            async with self.http.get(self.url + "/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    app = build_app(settings)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    url = f"http://127.0.0.1:{settings.port}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        gateway = Gateway(app, settings, url, http)
        await eventually(gateway.is_ready)
        await eventually(lambda: asyncio.to_thread(settings.admin_key_file.exists))
        gateway.admin_key = settings.admin_key_file.read_text().strip()
        yield gateway
    server.stop()
    await serving


class World:
    """Writes objects as an owner service would."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._writer = WorldWriter(bus, "test")

    async def put(self, key: str, *, kind: Any = "asset", lat: float = 36.5) -> int:
        now = datetime.now(UTC)
        entity = Entity(
            id=key,
            kind=kind,
            owner="test",
            observed_at=now,
            heard_at=now,
            updated_at=now,
            location=Location(lat=lat, lon=-84.2),
        )
        return (await self._writer.put("entities", key, entity, at=now)).seq

    async def leave(self, key: str) -> int:
        return (await self._writer.leave("entities", key, at=datetime.now(UTC))).seq
