"""X3: with TLS on, no listener of a broker or a service speaks in plain text or an old version; answers say HSTS."""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import aiohttp
import pytest
from checklist_transport import Broker, connected, listeners, serving, settings_of, shows, spoken_in_plain
from summit_cli.certs.authority import Authority
from summit_cli.embedded.ports import choose
from summit_cli.embedded.tls import Tls
from summit_core.settings import ServiceSettings

STARTS_WITHIN_S = 60.0


async def version_agreed(port: int, context: ssl.SSLContext, *, greets: bool) -> str | None:
    """The version of TLS, or None where the listener refuses. ``greets``: NATS says hello before it encrypts."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(2.0), connected(port) as (reader, writer):
            if greets:
                await reader.readuntil(b"\r\n")
            await writer.start_tls(context, server_hostname="127.0.0.1")
            agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return agreed.version()
    return None


def _speaks(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it is the server that refuses
    context.minimum_version = context.maximum_version = version
    return context


async def hsts(url: str, context: ssl.SSLContext | None) -> str | None:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=True if context is None else context) as answer:
        return answer.headers.get("Strict-Transport-Security")


@pytest.fixture(scope="module")
def service(ours: Authority, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The process of a real service that `summit up --tls` would start: its id and its port."""
    port, pause = choose({"http": 0})["http"], threading.Event()
    told = Tls(ours.folder).service("fabric", clients=True) | {
        "SUMMIT_NATS_URL": broker.url,
        "SUMMIT_SERVICE_KEY": "service-key-of-the-tests",
        "SUMMIT_PORT": str(port),
    }
    with (tmp_path_factory.mktemp("service") / "log").open("wb") as log:
        command = [sys.executable, "-m", "summit_intelligence"]
        process = subprocess.Popen(command, env=dict(os.environ) | told, stdout=log, stderr=log)
    until = time.monotonic() + STARTS_WITHIN_S
    while port not in listeners(process.pid):
        assert time.monotonic() < until, "the service does not listen"
        pause.wait(0.05)
    yield process.pid, port
    process.kill()
    process.wait()


async def test_no_listener_speaks_in_plain_text(broker: Broker, service: tuple[int, int]) -> None:
    ports = [*listeners(broker.process.pid), *listeners(service[0])]
    assert len(ports) == 3  # NATS, MQTT, HTTP: neither a page for monitoring nor any other door
    assert {port: await spoken_in_plain(port) for port in ports} == dict.fromkeys(ports)


async def test_the_check_finds_each_listener_that_does(mqtt_port: int, nats_url: str) -> None:
    """The planted fault: listeners without TLS."""
    plain = ServiceSettings(nats_url="nats://127.0.0.1:1", service_key="service-key-of-the-tests", port=0)  # type: ignore[arg-type]  # a str, as from the environment
    assert await spoken_in_plain(mqtt_port) == "MQTT"
    assert await spoken_in_plain(int(nats_url.rsplit(":", 1)[1])) == "NATS"
    async with serving(plain) as url:
        assert await spoken_in_plain(int(url.rstrip("/").rsplit(":", 1)[1])) == "HTTP"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_every_listener_refuses_what_is_older_than_1_2(
    ours: Authority, broker: Broker, service: tuple[int, int]
) -> None:
    versions = {ssl.TLSVersion.TLSv1_1: None, ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}
    nats = int(broker.url.rsplit(":", 1)[1])
    for port, name in ((nats, "gateway"), (broker.mqtt, "gas-7"), (service[1], "gateway")):
        found = {
            version: await version_agreed(port, _speaks(shows(ours, name), version), greets=port == nats)
            for version in versions
        }
        assert found == versions


async def test_answers_by_tls_tell_browsers_to_stay_with_it(ours: Authority, service: tuple[int, int]) -> None:
    context = shows(ours, "gateway")
    stated = await hsts(f"https://127.0.0.1:{service[1]}/livez", context)
    assert stated is not None
    assert "max-age=31536000" in stated
    async with serving(settings_of(ours, "fabric")) as url:  # the planted fault: a service without our shell
        assert await hsts(url, context) is None
