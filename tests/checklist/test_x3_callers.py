"""X3: the SDK, the command line and the bus show a certificate, and what each listener lets in without one."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from checklist_transport import BOUND_S, Broker, empty_list, get, serving, settings_of, shows
from click.testing import CliRunner, Result
from summit_cli.certs.authority import Authority
from summit_cli.embedded.nats import Nats
from summit_cli.embedded.secrets import Secrets
from summit_cli.embedded.tls import Tls
from summit_cli.main import main
from summit_cli.state import StateDir
from summit_core.errors import InputError, UnavailableError
from summit_core.security.context import TlsFiles
from summit_core.wire import encode
from summit_sdk import Device, Endpoints, MqttEndpoint, SummitClient

CREDENTIAL = "pw"


@pytest.fixture
async def url(ours: Authority) -> AsyncIterator[str]:
    """A gateway that lets in nobody without a certificate."""
    async with serving(settings_of(ours, "fabric"), empty_list) as started:
        yield started


def _files(authority: Authority, name: str) -> dict[str, Path]:
    return {
        "ca_file": authority.root,
        "cert_file": authority.certificate(name),
        "key_file": authority.key(name),
    }


async def test_the_client_shows_its_certificate(ours: Authority, theirs: Authority, url: str) -> None:
    async def lists(**files: Any) -> bool:
        async with SummitClient(url, "key-of-the-tests", attempts=1, **files) as client:
            with contextlib.suppress(UnavailableError):
                return await client.alerts() == []
        return False

    assert await lists(**_files(ours, "gateway"))
    attacks: dict[str, dict[str, Any]] = {
        "no certificate": {"ca_file": ours.root},
        "of another authority": _files(theirs, "gateway") | {"ca_file": ours.root},
        "a gateway of another authority": _files(ours, "gateway") | {"ca_file": theirs.root},
        "revoked": _files(ours, "revoked"),
    }
    assert {name for name, files in attacks.items() if await lists(**files)} == set()


async def test_a_device_shows_its_certificate(ours: Authority, broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    tls = TlsFiles(ca=str(ours.root))
    mqtt = MqttEndpoint(host="127.0.0.1", port=broker.mqtt, username="a", password=CREDENTIAL, tls=tls)
    path.write_bytes(encode(Endpoints(gateway="https://127.0.0.1:9", mqtt=mqtt)))
    own = {name: file for name, file in _files(ours, "gas-7").items() if name != "ca_file"}
    async with Device.from_endpoints(path, "gas-7", **own) as device:
        device.observe("measurement", quantity="temperature", value=21.5, unit="Cel", lat=39.8, lon=-121.4)
        assert await device.flush(BOUND_S)
        assert device.sent >= 1


@pytest.mark.parametrize(("given", "field"), [
    ({"cert_file": "a.pem"}, "key_file"),
    ({"key_file": "a.key"}, "cert_file"),
    ({"cert_file": "a.pem", "key_file": "a.key"}, "ca_file"),
])  # fmt: skip
def test_half_a_certificate_is_named(given: dict[str, str], field: str) -> None:
    broker = MqttEndpoint(host="127.0.0.1", port=1)
    makes: tuple[Callable[[], Any], ...] = (
        lambda: SummitClient("https://127.0.0.1:1", "key-of-the-tests", **given),  # type: ignore[arg-type]  # by name
        lambda: Device(broker, "gas-7", **given),  # type: ignore[arg-type]  # by name
    )
    for make in makes:
        with pytest.raises(InputError, match=field) as found:
            make()
        assert found.value.field == field


async def test_the_command_line_shows_its_certificate(
    ours: Authority, theirs: Authority, url: str, tmp_path: Path
) -> None:
    written = {"gateway": url, "nats": "", "postgres": "", "services": {"api-gateway": url.rstrip("/")}, "pid": 1}
    (tmp_path / "endpoints.json").write_text(json.dumps(written | {"admin_key_file": str(tmp_path / "admin.key")}))

    def options(files: dict[str, Path]) -> list[str]:
        return [word for name, file in files.items() for word in (f"--{name.replace('_', '-')}", str(file))]

    async def health(files: dict[str, Path], **env: str) -> Result:
        words = [*options(files), "health", "--state-dir", str(tmp_path), "--json"]
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=env)

    assert (await health(_files(ours, "gateway"))).exit_code == 0
    named = {f"SUMMIT_TLS_{name.upper()}": str(file) for name, file in _files(ours, "gateway").items()}
    assert (await health({}, **named)).exit_code == 0
    for files in ({}, {"ca_file": ours.root}, _files(theirs, "gateway") | {"ca_file": ours.root}):
        refused = await health(files)
        assert (refused.exit_code, json.loads(refused.stdout)["ready"]) == (1, False)
    half = await health({"cert_file": ours.certificate("gateway")})
    assert (half.exit_code, "--key-file is missing" in half.output) == (2, True)


# --- who is let in without a certificate


async def test_optional_lets_in_without_but_no_bad_one(ours: Authority, theirs: Authority) -> None:
    optional = settings_of(ours, "fabric").model_copy(update={"tls_clients": "optional"})
    async with serving(optional) as url:
        good = {"none": shows(ours), "of ours": shows(ours, "gateway")}
        assert {name for name, context in good.items() if await get(url, context) == "hello"} == set(good)
        bad = {
            "of another authority": shows(ours, "gateway", of=theirs),
            "expired": shows(ours, "expired"),
            "revoked": shows(ours, "revoked"),
        }
        assert {name for name, context in bad.items() if await get(url, context) is not None} == set()


async def test_optional_for_devices_with_certificates_of_their_own_list(ours: Authority) -> None:
    told = {"tls_clients": "optional", "tls_client_ca_file": ours.devices}
    told |= {"tls_crl_file": ours.folder / "revoked-devices.pem"}
    async with serving(settings_of(ours, "fabric").model_copy(update=told)) as url:
        assert await get(url, shows(ours, "gas-7")) == "hello"
        assert await get(url, shows(ours)) == "hello"
        assert await get(url, shows(ours, "gateway")) is None, "of a service"


def test_strict_is_what_nobody_has_to_ask_for(ours: Authority, tmp_path: Path) -> None:
    assert settings_of(ours, "fabric").tls_clients == "required"
    state = StateDir(tmp_path / "state")
    state.create()
    strict = Nats(state, Secrets(), 1, 2, tls=Tls(ours.folder))
    assert strict.fabric["SUMMIT_TLS_DEVICES"] == "required"
    assert (state.nats / "server.conf").exists() is False
    strict.program()
    assert (state.nats / "server.conf").read_text().count("verify: true") == 2
