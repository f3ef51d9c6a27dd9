"""V6: secrets that go in by every door are in no log of any process; a log that holds one is noticed."""

import asyncio
import json
import re
import secrets
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import nats
import pytest

CANARY, NAME = f"c4nary{secrets.token_hex(12)}", f"n4me{secrets.token_hex(12)}"
SHAPES = re.compile(
    r"[a-z][a-z+.-]*://[^\s/:@\"]*:(?!\*+@)[^\s@/\"]+@"  # an address with a password
    r"|Bearer\s+[\w.~+/=-]{12,}|eyJ[\w-]{8,}\.[\w-]{8,}\.|AKIA[0-9A-Z]{16}|smt_[0-9a-f]{12}_[0-9a-f]{16,}"
)


def leaks(folder: Path, *canaries: str) -> list[str]:
    """The lines of all logs that hold one of them, or what has the shape of a secret."""
    return [
        f"{log.name}: {line[:300]}"
        for log in sorted(folder.rglob("*.log*"))
        for line in log.read_text(errors="replace").splitlines()
        if any(canary in line for canary in canaries) or SHAPES.search(line)
    ]


def test_canaries_are_in_no_log(stack: Any) -> None:
    quoted = urllib.parse.quote(CANARY)
    for key in (CANARY, f"smt_0123456789ab_{CANARY}", f"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.{CANARY}"):
        assert stack.ask("GET", "/v1/sources", key=key)[0] == 401
    headers = {"Cookie": f"summit_session={CANARY}", "X-Api-Key": CANARY, "X-Request-Id": f"Bearer {CANARY}"}
    stack.ask("GET", "/v1/sources", **headers)
    for path in (f"/v1/entities?access_token={quoted}", f"/nothing/{quoted}", f"/v1/stream?token={quoted}"):
        stack.ask("GET", path)
    stack.ask("POST", "/v1/session", {"key": f"smt_0123456789ab_{CANARY}"})
    stack.ask("POST", "/v1/session", {"key": CANARY, "password": CANARY})
    stack.ask("POST", "/v1/observations", {"kind": "measurement", "password": CANARY, "source": CANARY})
    status, headers, _ = stack.ask("GET", "/v1/sources")
    assert status == 200
    settings = [stack.key, stack.endpoints["nats"], stack.endpoints["postgres"]]
    hidden = [part for url in settings[1:] if (part := urllib.parse.urlsplit(url).password)]
    kept = (stack.state_dir / "secrets.json").read_text()
    hidden += [word for word in kept.replace('"', " ").replace(",", " ").split() if len(word) >= 20]
    assert len(hidden) > 5
    stack.until(lambda: "/v1/sources" in (stack.logs / "api-gateway.log").read_text(), within_s=5, what="its log")
    assert leaks(stack.logs, CANARY, settings[0], *hidden) == []


def secretive() -> list[dict[str, Any]]:
    """Observations that hold a secret where somebody may paste one: good ones, and ones that are refused."""
    at = {"source": "v6-canary", "observed_at": datetime.now(UTC).isoformat(), "lat": 39.8, "lon": -121.4}
    words = [CANARY, f"Bearer {CANARY}", f"password={CANARY}", f"nats://u:{CANARY}@broker"]
    good = [at | {"text": text, "payload": {"token": text, "authorization": text}} for text in words]
    return [*good, at | {"lat": 999, "text": f"token {CANARY}"}, at | {"source": f"Bearer {CANARY}"}]


async def by_mqtt(stack: Any) -> list[str]:
    """Wrong credentials that hold a secret, then messages that do; returns how the door answered the former."""
    broker, answers = stack.endpoints["mqtt"], []
    key = json.loads(stack.ask("POST", "/v1/registrations", {"id": "v6-canary"})[2])["key"]
    for username in ("v6-canary", NAME):
        try:
            async with aiomqtt.Client(broker["host"], broker["port"], username=username, password=CANARY, timeout=5):
                answers.append("let in")
        except aiomqtt.MqttError:
            answers.append("refused")
    own = {"username": "v6-canary", "password": key, "identifier": "v6-canary"}
    async with aiomqtt.Client(broker["host"], broker["port"], **own) as client:
        for one in secretive():
            await client.publish("observations/report/v6-canary", json.dumps(one), qos=1)
        await client.publish("observations/report/v6-canary", f"Bearer {CANARY} \xff".encode("latin-1"), qos=1)
    assert leaks(stack.logs, key) == []
    return answers


async def refused_by(address: str, **credentials: str) -> str:
    """The broker's answer to a CONNECT with these (by hand: what the library leaves open would fail this test)."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b"CONNECT " + json.dumps(credentials).encode() + b"\r\nPING\r\n")
    said = await asyncio.wait_for(reader.readline(), timeout=10)
    writer.close()
    await writer.wait_closed()
    return said.decode().strip()


async def by_nats(stack: Any) -> set[str]:
    """As :func:`by_mqtt`."""
    url = urllib.parse.urlsplit(stack.endpoints["nats"])
    address = url.netloc.rpartition("@")[2]
    wrong = [{"user": url.username or ""}, {"user": NAME}, {"auth_token": CANARY}, {"jwt": f"eyJ.{CANARY}"}]
    answers = {await refused_by(address, **({"pass": CANARY} | one)) for one in wrong}
    client = await nats.connect(stack.endpoints["nats"], name=f"v6 {CANARY}")
    for one in secretive():
        headers = {"Authorization": f"Bearer {CANARY}", "traceparent": CANARY}
        await client.jetstream().publish("observations.report", json.dumps(one).encode(), headers=headers)
    await client.jetstream().publish("observations.report", f"{CANARY} \xff".encode("latin-1"))
    await client.close()
    return answers


async def test_canaries_by_the_broker_are_in_no_log(stack: Any) -> None:
    assert await by_mqtt(stack) == ["refused"] * 2
    assert await by_nats(stack) == {"-ERR 'Authorization Violation'"}

    def handled() -> bool:
        """The last of them has been judged: the good ones are stored, the bad ones dead letters."""
        stored = json.loads(stack.ask("GET", "/v1/observations/count?source=v6-canary")[2])["count"]
        letters = stack.ask("GET", "/v1/dead-letters?limit=1000")[2].decode()
        return bool(stored == 8 and letters.count("v6-canary") >= 2)

    await asyncio.to_thread(stack.until, handled, within_s=20, what="judgement of all that was sent")
    assert leaks(stack.logs, CANARY) == []
    told = leaks(stack.logs, NAME)  # who was refused is no secret, and is told at just that
    refusal = re.compile(r'nats\.log: .* authentication error - User "n4me|fabric\.log: .*"event": "device refused"')
    assert [line for line in told if not refusal.match(line)] == []


@pytest.mark.planted("an address with its password, a bearer token, a cloud key, beside a harmless route of tokens")
@pytest.mark.parametrize(
    "line",
    [
        "connect postgresql://summit:of-the-tests@database:5432/summit",
        "Authorization: Bearer " + "eyJhbGciOiJub25lIn0" + ".eyJzdWIiOiJ4In0.",
        "key " + "AKIA" + "EXAMPLEEXAMPLE00",
        "key " + "smt_0123456789ab_" + "0" * 32,
    ],
)
def test_a_secret_that_nobody_planted_is_noticed_by_its_shape(line: str, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(json.dumps({"event": line}) + "\n")
    assert len(leaks(tmp_path)) == 1
    harmless = ["POST /api/v1/nodes/x/token", "postgresql://summit:***@database/summit", "the password was changed"]
    (tmp_path / "x.log").write_text("\n".join(harmless))
    assert leaks(tmp_path) == []


@pytest.mark.planted("a canary in a log, and in one that was rotated away")
def test_a_log_that_holds_one_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(f'{{"event": "fine"}}\n{{"event": "connect postgresql://u:{CANARY}@h"}}\n')
    (tmp_path / "y.log.1").write_text(f"Bearer {CANARY}\n")
    assert len(leaks(tmp_path, CANARY)) == 2
    (tmp_path / "y.log.1").write_text("POST /v1/registrations/x/rotate\n")
    assert len(leaks(tmp_path, CANARY)) == 1
