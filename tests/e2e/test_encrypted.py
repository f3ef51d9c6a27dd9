"""`summit up --tls` as a whole: no door in plain text, and a device that is let in by its own certificate alone."""

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest
from summit_core.security.context import TlsFiles
from summit_sdk import Backoff, Device, Endpoints

sys.path.insert(0, str(Path(__file__).parents[1] / "checklist"))  # importlib mode does not look into other folders

from checklist_transport import listeners, spoken_in_plain

Wait = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def system(launch: Callable[..., Any]) -> Any:
    return launch("--scenario", "none", "--own-credentials", "--tls")


async def test_no_door_speaks_in_plain_text(system: Any) -> None:
    databases = [one for one in psutil.Process(system.pid).children(recursive=True) if one.name() == "postgres"]
    known = {one.laddr for each in databases for one in each.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    assert {address.ip for address in known} == {"127.0.0.1"}, "the database has no TLS: on loopback only"
    doors = set(listeners(system.pid)) - {address.port for address in known}
    assert len(doors) == 7  # NATS, MQTT and five services
    assert {door: await spoken_in_plain(door) for door in doors} == dict.fromkeys(doors)


async def test_a_device_comes_in_by_its_own_certificate_until_it_is_revoked(system: Any, eventually: Wait) -> None:
    certs = system.state_dir / "certs"
    keys: dict[str, str] = {}
    for name in ("gas-7", "gas-8"):
        made = system.run("source", "register", name, "--json", "--state-dir", system.state_dir)
        assert made.returncode == 0, made.stderr
        keys[name] = json.loads(made.stdout)["key"]
        issued = system.run("certs", "issue", name, "--kind", "device", "--dir", certs)
        assert issued.returncode == 0, issued.stderr

    own = {"cert_file": certs / "issued" / "gas-7.pem", "key_file": certs / "issued" / "gas-7.key"}
    mqtt = Endpoints.read(system.state_dir / "endpoints.json").broker()

    async def lets_in(name: str) -> bool:
        """By its own credential with the certificate of gas-7."""
        files = TlsFiles.of(certs / "root.pem", own["cert_file"], own["key_file"])
        assert files is not None
        try:
            async with aiomqtt.Client(
                mqtt.host,
                mqtt.port,
                username=name,
                password=keys[name],
                identifier=name,
                tls_context=files.context(),
            ):
                return True
        except aiomqtt.MqttError:
            return False

    assert await lets_in("gas-7")
    assert not await lets_in("gas-8")
    told = {"credential": keys["gas-7"], "backoff": Backoff(first_s=60.0, longest_s=60.0)}
    async with Device.from_endpoints(system.state_dir / "endpoints.json", "gas-7", **told, **own) as sensor:
        sensor.observe("measurement", quantity="carbon_monoxide", value=3.1, unit="ppm")
        assert await sensor.flush(20.0)

        revoked = system.run("certs", "revoke", "gas-7", "--dir", certs)
        assert revoked.returncode == 0, revoked.stderr

        async def out() -> bool:
            return not sensor.connected.is_set()

        await eventually(out, within_s=5, what="the connection is ended")
    assert not await lets_in("gas-7")
