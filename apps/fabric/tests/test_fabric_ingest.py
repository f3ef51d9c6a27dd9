"""Fabric over the real broker and database: bad input dies at the door, good input is stored once, nothing is lost."""

import asyncio
import json
from typing import Any

import aiomqtt
import pytest
from fabric_harness import Fabric, good, running, shifted, telemetry
from waiting import eventually

TEN_MEGABYTES = 10 * 1024 * 1024


def corpus(source: str) -> list[tuple[str, bytes, str]]:
    """Topic (with slashes), payload, expected code."""
    return [
        ("observations/measurement", b'{"source": "', "malformed_json"),
        ("observations/measurement", b'{"source":"\xff\xfe"}', "invalid_utf8"),
        ("observations/measurement", json.dumps(good(source, value=float("nan"))).encode(), "not_finite"),
        ("observations/measurement", json.dumps(good(source, lat=999)).encode(), "invalid_field"),
        ("observations/measurement", b'{"source":"' + b"x" * TEN_MEGABYTES + b'"}', "too_large"),
        ("observations/measurement", b'{"a":' * 50_000, "malformed_json"),
        ("observations/banana", json.dumps(good(source)).encode(), "unknown_kind"),
        (
            "observations/measurement",
            json.dumps(good(source, observed_at="2099-01-01T00:00:00Z")).encode(),
            "out_of_time_window",
        ),
        (f"devices/{source}/telemetry", json.dumps(telemetry("innocent")).encode(), "source_mismatch"),
        (f"devices/{source}/status", b'{"status":"asleep"}', "invalid_field"),
        ("observations/measurement", b"", "empty"),
    ]


async def send_all(fabric: Fabric, door: str, mqtt_port: int, messages: list[tuple[str, bytes]]) -> None:
    if door == "nats":
        for topic, payload in messages:
            await fabric.send(topic.replace("/", "."), payload)
        return
    async with aiomqtt.Client("127.0.0.1", mqtt_port, identifier="bad") as client:
        for number, (topic, payload) in enumerate(messages):
            await client.publish(topic, payload, qos=number % 2)


@pytest.mark.parametrize("door", ["nats", "mqtt"])
async def test_every_bad_message_is_a_counted_dead_letter_and_the_good_one_arrives(
    fabric: Fabric, mqtt_port: int, door: str
) -> None:
    bad = corpus("src")
    tail = ("observations/measurement", json.dumps(good("src", text="\u0000 in a field we do not know")).encode())
    await send_all(fabric, door, mqtt_port, [*((topic, payload) for topic, payload, _ in bad), tail])

    async def stored() -> bool:
        return await fabric.count("src") == 1

    async def buried() -> bool:
        return len(await fabric.letters()) >= len(bad)

    await eventually(stored)
    await eventually(buried)
    letters = await fabric.letters()
    assert sorted(letter["code"] for letter in letters) == sorted(code for *_, code in bad)
    assert {letter["door"] for letter in letters} == {door}
    huge = next(letter for letter in letters if letter["code"] == "too_large")
    assert huge["size"] > TEN_MEGABYTES
    account = await fabric.account("src")
    assert (account["received"], account["stored"], account["rejected"]) == (7, 1, 6)
    assert (await fabric.account("unknown"))["rejected"] == len(bad) - 6
    assert (await fabric.ask("/v1/sources/innocent"))[0] == 404
    assert not await fabric.problems()


async def test_the_same_observation_is_stored_once_and_counted_as_duplicate(fabric: Fabric) -> None:
    one = good("twice", id="018f0000-0000-7000-8000-000000000001", text="x\u0000y")
    await fabric.send("observations.measurement", one)
    await fabric.send("observations.measurement", [one, one])

    async def received() -> bool:
        return (await fabric.account("twice")).get("received") == 3

    await eventually(received)
    account = await fabric.account("twice")
    assert (account["stored"], account["duplicate"], await fabric.count("twice")) == (1, 2, 1)
    stored = await fabric.get(f"/v1/observations/{one['id']}")
    assert stored["received_at"]


async def test_text_that_the_database_cannot_hold_poisons_nothing(fabric: Fabric) -> None:
    report = {"source": "nul", "observed_at": shifted(0), "text": "smoke \u0000 here"}
    await fabric.send("observations.report", report)
    await fabric.send("observations.report", report | {"text": "fire", "observed_at": "2020-08-19T12:00:00-07:00"})

    async def both() -> bool:
        return await fabric.count("nul") == 2

    await eventually(both)
    items = (await fabric.get("/v1/observations?source=nul"))["items"]
    assert [item["text"] for item in items] == ["smoke \ufffd here", "fire"]


async def test_gaps_and_late_ones_have_a_number(fabric: Fabric) -> None:
    for seq in (1, 2, 5, 4):
        await fabric.send("observations.measurement", good("gappy", seq=seq, observed_at=shifted(seq - 200)))

    async def counted() -> bool:
        return (await fabric.account("gappy")).get("stored") == 4

    await eventually(counted)
    account = await fabric.account("gappy")
    assert (account["gaps"], account["late"], account["last_seq"]) == (1, 4, 5)
    assert -201 < account["clock_offset_s"] < -190


@pytest.mark.timeout(90)
async def test_what_comes_while_the_database_is_away_is_stored_when_it_is_back(
    nats_url: str, database_url: str, postgres_server: Any
) -> None:
    async with running(nats_url, database_url) as fabric:

        async def stored(number: int) -> bool:
            return await fabric.count("steady") == number

        for seq in range(20):
            await fabric.send("observations.measurement", good("steady", seq=seq))
        await eventually(lambda: stored(20))
        postgres_server.kill()
        for seq in range(20, 60):
            await fabric.send("observations.measurement", good("steady", seq=seq))
        await fabric.send("observations.measurement", good("steady", lat=999))
        await eventually(fabric.problems)
        assert (await fabric.ask("/v1/observations"))[0] == 503
        await asyncio.to_thread(postgres_server.start)
        await eventually(lambda: stored(60), within_s=30)

        async def settled() -> bool:
            return (await fabric.account("steady"))["rejected"] == 1 and not await fabric.problems()

        await eventually(settled, within_s=30)
        account = await fabric.account("steady")
        assert (account["stored"], account["duplicate"], account["gaps"]) == (60, 0, 0)
