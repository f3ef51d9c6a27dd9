"""Runs the real fabric on a free port and asks it; helpers that make input."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from pydantic import SecretStr
from summit_core.bus import Bus
from summit_core.security.tls import client_context
from summit_fabric.app import build_app
from summit_fabric.settings import FabricSettings
from waiting import eventually

SERVICE_KEY = "test-service-key-0123456789"
T = TypeVar("T")


def good(source: str, **changes: Any) -> dict[str, Any]:
    base = {
        "source": source,
        "observed_at": datetime.now(UTC).isoformat(),
        "quantity": "temperature",
        "value": 21.5,
        "unit": "Cel",
        "lat": 39.8,
        "lon": -121.4,
    }
    return base | changes


def telemetry(source: str, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"source": source, "observed_at": now, "category": "drone", "lat": 39.8, "lon": -121.4} | changes


@dataclass
class Fabric:
    url: str
    http: aiohttp.ClientSession
    bus: Bus

    async def send(self, subject: str, value: Any, headers: dict[str, str] | None = None) -> int:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return await self.bus.publish(subject, data, headers=headers)

    async def ask(self, path: str, key: str | None = SERVICE_KEY, **headers: str) -> tuple[int, Any]:
        sent = ({"Authorization": f"Bearer {key}"} if key else {}) | headers
        async with self.http.get(self.url + path, headers=sent) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Any:
        status, answer = await self.ask(path)
        assert status == 200, (path, status, answer)
        return answer

    async def count(self, source: str) -> int:
        status, answer = await self.ask(f"/v1/observations/count?source={source}")
        return int(answer["count"]) if status == 200 else -1

    async def account(self, source: str) -> dict[str, Any]:
        status, answer = await self.ask(f"/v1/sources/{source}")
        return answer if status == 200 else {}

    async def letters(self) -> list[dict[str, Any]]:
        return list((await self.get("/v1/dead-letters?limit=1000"))["items"])

    async def problems(self) -> dict[str, str]:
        status, answer = await self.ask("/readyz")
        return {} if status == 200 else answer["reasons"]


@asynccontextmanager
async def running(nats_url: str, database_url: str, **more: Any) -> AsyncIterator[Fabric]:
    """Fabric, ready; stopped at the end as SIGTERM would. ``more``: other settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = FabricSettings(
        nats_url=SecretStr(nats_url),
        database_url=SecretStr(database_url),
        service_key=SecretStr(SERVICE_KEY),
        port=port,
        **more,
    )
    server = Server(build_app(settings), port=port, interface=Interfaces.ASGI, http=HTTPModes.http1, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    bus = await Bus.connect(nats_url, name="test", tls=client_context(settings))
    async with aiohttp.ClientSession() as http:
        fabric = Fabric(f"http://127.0.0.1:{port}", http, bus)

        async def ready() -> bool:
            try:
                return not await fabric.problems()
            except aiohttp.ClientError:
                return False

        await eventually(ready, within_s=20)
        yield fabric
    await bus.close()
    server.stop()
    await serving


def shifted(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
