"""Bad input dies at the door: a clear error or a dead letter with its reason, counted; the next good one arrives."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import aiohttp
import aiomqtt
import nats
import pytest

TEN_MEGABYTES = 10 * 1024 * 1024


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


def corpus(source: str) -> dict[str, tuple[str, bytes, str]]:
    """Name: (kind of the topic, payload, expected code)."""
    return {
        "malformed": ("measurement", b'{"source": "', "malformed_json"),
        "utf8": ("measurement", b'{"source":"\xff\xfe"}', "invalid_utf8"),
        "nan": ("measurement", json.dumps(good(source, value=float("nan"))).encode(), "not_finite"),
        "latitude": ("measurement", json.dumps(good(source, lat=999)).encode(), "invalid_field"),
        "huge": ("measurement", b'{"source":"' + b"x" * TEN_MEGABYTES + b'"}', "too_large"),
        "kind": ("banana", json.dumps(good(source)).encode(), "unknown_kind"),
        "future": (
            "measurement",
            json.dumps(good(source, observed_at="2099-01-01T00:00:00Z")).encode(),
            "out_of_time_window",
        ),
    }


async def dead_letter_codes(api: Any, door: str) -> list[str]:
    return [letter["code"] for letter in await api.items("/v1/dead-letters?limit=200") if letter["door"] == door]


@pytest.mark.parametrize("door", ["mqtt", "nats"])
async def test_every_bad_message_is_a_dead_letter_and_the_next_good_one_arrives(
    system: Any, api: Any, eventually: Any, door: str
) -> None:
    source = f"bad-{door}"
    messages = [(kind, payload) for kind, payload, _ in corpus(source).values()]
    messages.append(("measurement", json.dumps(good(source)).encode()))
    if door == "mqtt":
        broker = system.endpoints["mqtt"]
        async with aiomqtt.Client(
            broker["host"], broker["port"], username=broker["username"], password=broker["password"], identifier=source
        ) as client:
            for kind, payload in messages:
                await client.publish(f"observations/{kind}", payload, qos=1)
    else:
        connection = await nats.connect(system.endpoints["nats"])
        for kind, payload in messages:
            await connection.jetstream().publish(f"observations.{kind}", payload)
        await connection.close()

    async def stored() -> bool:
        return (await api.get(f"/v1/observations/count?source={source}"))["count"] == 1

    assert await eventually(stored, within_s=10, what="the good observation after the bad ones")
    expected = sorted(code for _, _, code in corpus(source).values())

    async def counted() -> bool:
        return sorted(await dead_letter_codes(api, door)) == expected

    assert await eventually(counted, within_s=10, what=f"dead letters {expected}")

    async def accounted() -> bool:
        account = await api.get(f"/v1/sources/{source}")
        return account["stored"] == 1 and account["rejected"] >= 3

    assert await eventually(accounted, within_s=10, what="the account of the source")


async def test_http_answers_each_with_its_error(system: Any, api: Any, eventually: Any) -> None:
    for name, (kind, payload, code) in corpus("bad-http").items():
        body = (
            payload
            if name in {"malformed", "utf8", "huge"}
            else payload.replace(b"{", b'{"kind":"%s",' % kind.encode(), 1)
        )
        status, answer = await api.post("/v1/observations", data=body)
        text = json.dumps(answer)
        assert status in {400, 413, 422}, (name, status, text)
        assert code in text, (name, text)
    status, answer = await api.post("/v1/observations", [good("bad-http", kind="measurement"), {"kind": "banana"}])
    assert (status, answer["accepted"], answer["rejected"][0]["code"]) == (202, 1, "unknown_kind")

    async def stored() -> bool:
        return (await api.get("/v1/observations/count?source=bad-http"))["count"] == 1

    assert await eventually(stored, within_s=10, what="the good observation")

    async def counted() -> bool:
        return len(await dead_letter_codes(api, "http")) == len(corpus("")) + 1

    assert await eventually(counted, within_s=10, what="dead letters of http")


async def test_a_wrong_key_opens_no_door(system: Any, eventually: Any) -> None:
    wrong = "smt_wrong_wrongwrongwrongwrongwrongwrong"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {wrong}"}) as session,
        session.get(system.endpoints["gateway"] + "/v1/entities") as response,
    ):
        assert (response.status, (await response.json(content_type=None))["code"]) == (401, "unauthenticated")
    broker = system.endpoints["mqtt"]
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed|bad user"):
        async with aiomqtt.Client(broker["host"], broker["port"], username=broker["username"], password=wrong):
            pass
    host, port = system.endpoints["nats"].rpartition("@")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert b"-ERR 'Authorization Violation'" in answer
    writer.close()
    await writer.wait_closed()
