"""A broker that asks fabric who may come in, fabric itself, and devices that try."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
from fabric_harness import SERVICE_KEY, Fabric, running
from pydantic import SecretStr
from summit_cli.embedded import ports, secrets
from summit_cli.embedded.nats import Nats
from summit_cli.embedded.tls import prepare
from summit_cli.state import StateDir
from summit_cli.supervisor.program import spawn
from summit_core import wire
from summit_core.model import Principal, Registration, Role
from summit_core.security.service_key import PRINCIPAL_HEADER
from waiting import eventually

ADMIN = Principal(id="a-1", name="ada", role=Role.ADMINISTRATOR)
VIEWER = Principal(id="v-1", name="vic", role=Role.VIEWER)


class Broker:
    """The embedded server of an installation, which can be stopped and started again on its data."""

    def __init__(self, folder: Path, *, tls: bool = False, device_certificates: bool = True) -> None:
        state = StateDir(folder)
        state.create()
        chosen = ports.choose({"nats": 0, "mqtt": 0})
        self.tls = prepare(state, ("fabric",), "127.0.0.1") if tls else None
        self.server = Nats(
            state,
            secrets.load(state),
            chosen["nats"],
            chosen["mqtt"],
            tls=self.tls,
            device_certificates=device_certificates,
        )
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def settings(self) -> dict[str, Any]:
        """What fabric is told about it."""
        told = self.server.fabric
        files = {} if self.tls is None else self.tls.service("fabric", clients=True)
        return {name.removeprefix("SUMMIT_").lower(): value for name, value in files.items()} | {
            "nats_issuer_seed": SecretStr(told["SUMMIT_NATS_ISSUER_SEED"]),
            "nats_system_url": SecretStr(told["SUMMIT_NATS_SYSTEM_URL"]),
            "nats_log_file": Path(told["SUMMIT_NATS_LOG_FILE"]),
            "tls_devices": told["SUMMIT_TLS_DEVICES"],
        }

    async def start(self) -> None:
        self._process = await spawn(self.server.program(), self.server.state.log("nats"))

        async def up() -> bool:
            return await self.server.problem() is None

        await eventually(up)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
            self._process = None

    def mqtt(self, device: str, key: str, **options: Any) -> aiomqtt.Client:
        """A client of its own; the client id is the device's unless another is given."""
        given = {"identifier": device, "timeout": 8.0} | options
        return aiomqtt.Client("127.0.0.1", self.server.mqtt_port, username=device, password=key, **given)

    async def refuses(self, device: str, key: str, **options: Any) -> bool:
        try:
            async with self.mqtt(device, key, **options):
                return False
        except aiomqtt.MqttError:
            return True


@dataclass
class Registry:
    """The registry of a running fabric, as an administrator uses it."""

    fabric: Fabric
    broker: Broker

    async def call(
        self, method: str, path: str, body: Any = None, *, who: Principal = ADMIN, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        said = {"Authorization": f"Bearer {SERVICE_KEY}", PRINCIPAL_HEADER: wire.encode(who).decode()} | headers
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.fabric.url}/v1/registrations{path}"
        async with self.fabric.http.request(method, url, data=data, headers=said) as response:
            return response.status, await response.json(content_type=None), response.headers

    async def register(self, device: str, **more: Any) -> str:
        """Its credential (empty for one without)."""
        status, answer, _ = await self.call("POST", "", {"id": device} | more)
        assert status == 201, answer
        return answer["key"] or ""

    async def rotate(self, device: str, **how: Any) -> str:
        status, answer, _ = await self.call("POST", f"/{device}/rotate", how)
        assert status == 201, answer
        return str(answer["key"])

    async def revoke(self, device: str, **which: Any) -> None:
        status, answer, _ = await self.call("POST", f"/{device}/revoke", which)
        assert status == 200, answer

    async def shown(self, device: str) -> Registration:
        """What the world stream holds of it."""
        message = await self.fabric.bus.jetstream.get_last_msg("WORLD", f"world.registrations.{device}")
        event = wire.decode(message.data or b"", dict[str, Any])
        return wire.decode(wire.encode(event["body"]), Registration)


@asynccontextmanager
async def registry_of(broker: Broker, database_url: str) -> AsyncIterator[Registry]:
    async with running(broker.url, database_url, **broker.settings) as fabric:
        yield Registry(fabric, broker)
