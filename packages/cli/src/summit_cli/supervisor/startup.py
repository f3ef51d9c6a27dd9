"""The way from nothing to ready: servers, migration, services, scenario; or a failure that says what to do."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import msgspec
from summit_core.security.context import TlsFiles

from summit_cli import endpoints_file
from summit_cli.embedded import ports, secrets
from summit_cli.embedded.nats import DEVICE_USER, Nats
from summit_cli.embedded.postgres import Postgres
from summit_cli.embedded.secrets import Secrets
from summit_cli.embedded.tls import OPERATOR, SIMULATED, Tls, prepare
from summit_cli.endpoints_file import Endpoints, Mqtt
from summit_cli.state import StateDir
from summit_cli.supervisor import leftovers
from summit_cli.supervisor.probe import readiness
from summit_cli.supervisor.report import Report, last_lines
from summit_cli.supervisor.services import GATEWAY, MODULES, NEEDS_DATABASE, Wiring, external_fabric, scenario
from summit_cli.supervisor.supervisor import Child, Supervisor

READY_WITHIN_S = 90.0
POLL_S = 0.1
GIVE_UP_AFTER_DEATHS = 3
GATEWAY_PORT, MQTT_PORT, MQTTS_PORT = 8000, 1883, 8883


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line of `summit up` said."""

    state_dir: Path
    host: str
    port: int | None
    scenario: str | None
    seed: int
    speed: float
    auto_approve: bool
    shared_device: bool = True
    tls: bool = False
    device_certificates: bool = True


@dataclass(frozen=True, slots=True)
class Servers:
    """NATS and PostgreSQL, ours or given."""

    nats_url: str
    database_url: str
    mqtt: Mqtt | None
    fabric: dict[str, str] = field(default_factory=dict, repr=False)
    """The registry's settings for this NATS."""


class Startup:
    """Runs once for each `summit up`."""

    def __init__(self, options: Options, state: StateDir, supervisor: Supervisor, report: Report) -> None:
        self._options = options
        self._state = state
        self._supervisor = supervisor
        self._report = report
        self._secrets = Secrets()
        self._problems: dict[str, str] = {}
        self._tls: Tls | None = None

    async def run(self) -> Endpoints:
        """Returns when all is ready. Raises ``ClickException`` when it cannot be."""
        self._state.endpoints.unlink(missing_ok=True)
        found = leftovers.clean(self._state.processes)
        if found:
            self._report(f"ended what an earlier run left behind: {', '.join(found)}", level="warning")
        self._secrets = secrets.load(self._state)
        if self._options.tls:
            self._tls = prepare(self._state, MODULES, self._options.host)
        chosen = self._choose_ports()
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                servers = await self._start_servers(chosen)
                wiring = self._wire(chosen, servers)
                await self._start_services(wiring)
        except TimeoutError:
            raise self._not_ready() from None
        endpoints = self._endpoints(wiring, servers)
        endpoints_file.write(self._state.endpoints, endpoints)
        self._start_scenario()
        return endpoints

    def _choose_ports(self) -> dict[str, int]:
        given = self._options.port
        if given:
            ports.demand(self._options.host, given)
        preferred = dict.fromkeys(MODULES, 0) | {
            GATEWAY: given or GATEWAY_PORT,
            "mqtt": MQTTS_PORT if self._tls else MQTT_PORT,
        }
        return ports.choose(preferred | {"nats": 0, "postgres": 0})

    async def _start_servers(self, chosen: dict[str, int]) -> Servers:
        nats_url, database_url = os.environ.get("SUMMIT_NATS_URL"), os.environ.get("SUMMIT_DATABASE_URL")
        mqtt = _external_mqtt()
        fabric = external_fabric()
        waits: list[Awaitable[None]] = []
        if not nats_url:
            shared = self._options.shared_device
            demanded = self._options.device_certificates
            nats = Nats(self._state, self._secrets, chosen["nats"], chosen["mqtt"], shared, self._tls, demanded)
            waits.append(self._wait(self._supervisor.keep(nats.program()), nats.problem))
            nats_url, fabric = nats.url, nats.fabric
            mqtt = Mqtt(host="127.0.0.1", port=chosen["mqtt"], tls=self._device_files())
            if shared:
                mqtt = msgspec.structs.replace(mqtt, username=DEVICE_USER, password=self._secrets.mqtt_device)
        if not database_url:
            postgres = Postgres(self._state, self._secrets, chosen["postgres"])
            waits.append(self._start_postgres(postgres))
            database_url = postgres.url
        await asyncio.gather(*waits)
        return Servers(nats_url, database_url, mqtt, fabric)

    def _device_files(self) -> TlsFiles | None:
        """What devices believe; where they share a user, also what they show."""
        if self._tls is None:
            return None
        return self._tls.files(SIMULATED) if self._options.shared_device else TlsFiles(ca=str(self._tls.root))

    async def _start_postgres(self, postgres: Postgres) -> None:
        program = await asyncio.to_thread(postgres.prepare)
        await self._wait(self._supervisor.keep(program), postgres.problem)

    def _wire(self, chosen: dict[str, int], servers: Servers) -> Wiring:
        return Wiring(
            host=self._options.host,
            ports=chosen,
            nats_url=servers.nats_url,
            database_url=servers.database_url,
            secrets=self._secrets,
            admin_key=self._state.admin_key.resolve(),
            checkpoints=self._state.checkpoints.resolve(),
            fabric=servers.fabric,
            tls=self._tls,
        )

    async def _migrate(self, wiring: Wiring) -> None:
        self._problems["migrate"] = "still at work"
        code = await self._supervisor.run_once(wiring.migration())
        if code != 0:
            raise self._failed("migrate", f"the database could not be migrated (exit code {code})")
        del self._problems["migrate"]

    async def _start_services(self, wiring: Wiring) -> None:
        """Those without a database start while it is migrated: both take a second of one core."""
        for name in MODULES.keys() - NEEDS_DATABASE:
            self._supervisor.keep(wiring.service(name))
        await self._migrate(wiring)
        for name in NEEDS_DATABASE:
            self._supervisor.keep(wiring.service(name))
        await asyncio.gather(*(self._service_ready(name, wiring.url(name)) for name in MODULES))

    async def _service_ready(self, name: str, url: str) -> None:
        await self._wait(self._supervisor.children[name], lambda: _problem_of(url, self._operator()))

    async def _wait(self, child: Child, problem: Callable[[], Awaitable[str | None]]) -> None:
        """Until there is no problem. A program that dies again and again will not get better by waiting."""
        name = child.program.name
        while reason := await problem():
            self._problems[name] = reason
            if child.deaths >= GIVE_UP_AFTER_DEATHS:
                raise self._failed(name, f"{name} died {child.deaths} times while starting")
            await asyncio.sleep(POLL_S)
        self._problems.pop(name, None)

    def _not_ready(self) -> click.ClickException:
        reasons = "\n".join(f"  {name}: {reason}" for name, reason in self._problems.items())
        return self._failed(
            next(iter(self._problems), "supervisor"), f"not ready after {READY_WITHIN_S:.0f} s\n{reasons}"
        )

    def _failed(self, name: str, what: str) -> click.ClickException:
        log = self._state.log(name)
        quoted = "\n".join(f"    {line}" for line in last_lines(log).splitlines())
        return click.ClickException(f"{what}\n  the end of {log}:\n{quoted}\n  mend that and run `summit up` again")

    def _endpoints(self, wiring: Wiring, servers: Servers) -> Endpoints:
        return Endpoints(
            gateway=wiring.url(GATEWAY),
            mqtt=servers.mqtt,
            nats=servers.nats_url,
            postgres=servers.database_url,
            services=wiring.urls,
            admin_key_file=str(wiring.admin_key),
            pid=os.getpid(),
            tls=self._operator(),
        )

    def _operator(self) -> TlsFiles | None:
        return None if self._tls is None else self._tls.files(OPERATOR)

    def _start_scenario(self) -> None:
        options = self._options
        if options.scenario:
            program = scenario(
                options.scenario,
                seed=options.seed,
                speed=options.speed,
                endpoints=self._state.endpoints.resolve(),
                auto_approve=options.auto_approve,
            )
            self._supervisor.keep(program)


async def _problem_of(url: str, tls: TlsFiles | None) -> str | None:
    reasons = await readiness(url, tls=tls)
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or None


def _external_mqtt() -> Mqtt | None:
    """``SUMMIT_MQTT_URL`` (mqtt://user:password@host:port), for a NATS that is not ours."""
    url = os.environ.get("SUMMIT_MQTT_URL")
    if not url:
        return None
    parts = urlsplit(url)
    if not parts.hostname:
        raise click.ClickException("SUMMIT_MQTT_URL has no host; write mqtt://user:password@host:port")
    return Mqtt(
        host=parts.hostname,
        port=parts.port or MQTT_PORT,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
