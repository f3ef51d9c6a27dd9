"""Attacks with certificates at the real broker that asks the real fabric: another's, revoked, ended, foreign, none."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from fabric_harness import good, running
from registry_harness import Broker, Registry, registry_of
from summit_cli.certs.authority import Authority, now
from summit_cli.certs.issue import Kind
from summit_core.bus import Bus
from summit_core.errors import MalformedError
from summit_core.security.context import ClientContext
from summit_fabric.registry.certificates import Certificates, Shown, read_certificate, read_revoked
from summit_fabric.registry.jwt import Client, ClientTls, Connect, Request, Server
from waiting import eventually


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    started = Broker(tmp_path / "state", tls=True)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def authority(broker: Broker) -> Authority:
    assert broker.tls is not None
    made = Authority.open(broker.tls.folder)
    for device in ("a", "b"):
        made.issue(device, Kind.DEVICE, (), now())
    return made


@pytest.fixture
async def registry(broker: Broker, database_url: str) -> AsyncIterator[Registry]:
    async with registry_of(broker, database_url) as one:
        yield one


def _shows(trust: Authority, name: str | None = None, of: Authority | None = None) -> ssl.SSLContext:
    by = of or trust
    return ClientContext.of(trust.root, name and by.certificate(name), name and by.key(name))


async def _outcomes(registry: Registry) -> dict[str, float]:
    """How often each refusal was counted."""
    async with registry.fabric.http.get(f"{registry.fabric.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    counted = [line for line in lines if line.startswith("summit_device_authorisations_total{")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in counted}


async def _audited(registry: Registry) -> set[tuple[str, str]]:
    """What the audit says of refusals: of whom, and why."""
    message = await registry.fabric.bus.jetstream.subscribe("audit.>", ordered_consumer=True)
    found = set()
    with contextlib.suppress(TimeoutError):
        while True:
            record = msgspec.json.decode((await message.next_msg(timeout=0.3)).data)
            found.add((record.get("object", ""), record.get("code", "")))
    await message.unsubscribe()
    return found


async def test_a_certificate_opens_the_door_to_its_own_device_only(
    registry: Registry, broker: Broker, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {one: await registry.register(one) for one in ("a", "b")}
    async with broker.mqtt("a", keys["a"], tls_context=_shows(authority, "a")) as client:
        await client.publish("observations/measurement/a", msgspec.json.encode(good("a")), qos=1)
    before = await _outcomes(registry)
    assert await broker.refuses("b", keys["b"], tls_context=_shows(authority, "a")), "B by the certificate of A"
    assert await broker.refuses("b", keys["a"], tls_context=_shows(authority, "a")), "A's credential in B's name"
    assert await broker.refuses("a", keys["b"], tls_context=_shows(authority, "a")), "B's credential in A's name"
    after = await _outcomes(registry)
    assert after["certificate"] - before.get("certificate", 0) == 1
    assert after["wrong"] - before.get("wrong", 0) == 2

    async def audited() -> bool:
        return {("b", "certificate"), ("b", "wrong")} <= await _audited(registry)

    await eventually(audited)
    monkeypatch.setattr(Certificates, "judge", lambda *_: None)  # the planted fault: nobody compares
    assert not await broker.refuses("b", keys["b"], tls_context=_shows(authority, "a"))


async def test_what_the_broker_does_not_believe_never_gets_as_far_as_a_question(
    registry: Registry, broker: Broker, authority: Authority, tmp_path: Path
) -> None:
    key = await registry.register("a")
    theirs = Authority.create(tmp_path / "theirs", (), now())
    theirs.issue("a", Kind.DEVICE, (), now())
    authority.issue("ended", Kind.DEVICE, (), now() - timedelta(days=40))
    before = await _outcomes(registry)
    attacks = {
        "of another authority": _shows(authority, "a", of=theirs),
        "ended": _shows(authority, "ended"),
        "none": _shows(authority),
        "of a service": _shows(authority, "fabric"),
        "plain text": None,
    }
    refused = await asyncio.gather(
        *(broker.refuses("a", key, tls_context=context, timeout=2.0) for context in attacks.values())
    )
    assert dict(zip(attacks, refused, strict=True)) == dict.fromkeys(attacks, True)
    assert await _outcomes(registry) == before


async def test_a_device_does_not_come_in_where_services_meet(
    registry: Registry, broker: Broker, authority: Authority
) -> None:
    key = await registry.register("a")
    url = f"nats://a:{key}@127.0.0.1:{broker.server.port}"

    async def connects(context: ssl.SSLContext) -> bool:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1.0):
                await (await Bus.connect(url, name="attack", tls=context)).close()
                return True
        return False

    assert not await connects(_shows(authority, "a")), "its own certificate"
    before = await _outcomes(registry)
    assert not await connects(_shows(authority, "operator")), "its credential with the certificate of a service"
    assert (await _outcomes(registry))["certificate"] > before.get("certificate", 0)


async def test_a_revoked_certificate_is_out_within_five_seconds(
    registry: Registry, broker: Broker, authority: Authority
) -> None:
    keys = {one: await registry.register(one) for one in ("a", "b")}
    async with broker.mqtt("b", keys["b"], tls_context=_shows(authority, "b")) as bystander:
        with pytest.raises(aiomqtt.MqttError):
            async with broker.mqtt("a", keys["a"], tls_context=_shows(authority, "a")) as client:
                authority.revoke("a", now())
                async with asyncio.timeout(5.0):
                    async for _ in client.messages:
                        pass
        assert await broker.refuses("a", keys["a"], tls_context=_shows(authority, "a"))
        assert (await _outcomes(registry))["certificate_revoked"] >= 1
        await bystander.publish("observations/measurement/b", msgspec.json.encode(good("b")), qos=1)
        authority.issue("a", Kind.DEVICE, (), now())
        async with broker.mqtt("a", keys["a"], tls_context=_shows(authority, "a")):
            pass  # the same credential with a certificate that holds


async def test_a_connection_ends_with_its_certificate(registry: Registry, broker: Broker, authority: Authority) -> None:
    key = await registry.register("short")
    authority.issue("short", Kind.DEVICE, (), now(), life=timedelta(seconds=3))
    async with asyncio.timeout(8.0):
        with pytest.raises(aiomqtt.MqttError):
            async with broker.mqtt("short", key, tls_context=_shows(authority, "short")) as client:
                async for _ in client.messages:
                    pass
    assert datetime.now(UTC) >= authority.current()["short"].ends - timedelta(seconds=1)


@pytest.mark.parametrize("device_certificates", ["optional", "required"])
async def test_a_device_without_a_certificate_comes_in_only_where_that_is_asked_for(
    tmp_path: Path, database_url: str, device_certificates: str
) -> None:
    """The broker asks for none in both cases: one that is wrongly configured is no way in."""
    broker = Broker(tmp_path / "state", tls=True, device_certificates=False)
    await broker.start()
    try:
        told = broker.settings | {"tls_devices": device_certificates}
        async with running(broker.url, database_url, **told) as fabric:
            registry = Registry(fabric, broker)
            keys = {one: await registry.register(one) for one in ("a", "b")}
            assert broker.tls is not None
            context = ClientContext.of(broker.tls.root)
            strict = device_certificates == "required"
            assert await broker.refuses("a", keys["a"], tls_context=context) is strict
            assert await broker.refuses("a", keys["b"], tls_context=context)
            assert ("no_certificate" in await _outcomes(registry)) or not strict
    finally:
        await broker.stop()


# --- the parts


def _request(*certificates: str, user: str = "a") -> Request:
    chains = [list(certificates)] if certificates else None
    return Request(Server("N"), "U", Client("mqtt", "::1", "a"), Connect(user), ClientTls(chains))


@pytest.fixture
def made(tmp_path: Path) -> Authority:
    made = Authority.create(tmp_path / "certs", (), now())
    made.issue("a", Kind.DEVICE, (), now())
    made.issue("fabric", Kind.SERVER, ("fabric",), now())
    return made


def test_only_the_own_certificate_of_a_device_is_taken(made: Authority) -> None:
    judge = Certificates(demanded=True, revoked=made.revoked).judge
    own, service = made.certificate("a").read_text(), made.certificate("fabric").read_text()
    shown = judge(_request(own))
    assert isinstance(shown, Shown)
    assert (shown.devices, shown.ends) == ({"a"}, made.current()["a"].ends)
    assert judge(_request(own, user="b")) == "certificate"
    assert judge(_request(service, user="fabric")) == "certificate", "a name is not enough: it must be of a device"
    assert judge(_request("no certificate")) == "certificate"
    assert judge(_request()) == "no_certificate"
    assert Certificates(demanded=False, revoked=None).judge(_request()) is None


def test_revocation_holds_while_the_list_cannot_be_read(made: Authority) -> None:
    certificates, own = Certificates(demanded=True, revoked=made.revoked), made.certificate("a").read_text()
    heard: list[bool] = []
    certificates.changed = lambda: heard.append(True)
    shown = certificates.judge(_request(own))
    assert isinstance(shown, Shown)
    assert certificates.may_stay(shown.mark)
    made.revoke("a", now())
    assert certificates.judge(_request(own)) == "certificate_revoked"
    assert not certificates.may_stay(shown.mark)
    assert heard == [True]
    made.revoked.write_text("-----BEGIN X509 CRL-----\nbroken\n-----END X509 CRL-----\n")
    assert certificates.judge(_request(own)) == "certificate_revoked"
    made.revoked.unlink()
    assert certificates.judge(_request(own)) == "certificate_revoked"


def test_where_certificates_are_demanded_nobody_stays_without(made: Authority) -> None:
    assert not Certificates(demanded=True, revoked=None).may_stay("")
    assert Certificates(demanded=False, revoked=None).may_stay("")


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(MalformedError, match="not a certificate"):
        read_certificate(text)
    if text:
        with pytest.raises(MalformedError, match="not a list"):
            read_revoked(text.encode())
