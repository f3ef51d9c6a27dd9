"""The past over HTTP: what fabric recorded from the stream, by moment, as a trail, an export and a bundle."""

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from fabric_harness import SERVICE_KEY, Fabric, good
from summit_core.bus import WorldWriter
from summit_core.ids import new_id
from summit_core.model import Entity, Location
from summit_fabric.history.recorded import Recorded
from waiting import eventually

ADMINISTRATOR = '{"id":"u","name":"Ann","role":"administrator"}'
VIEWER = '{"id":"u","name":"u","role":"viewer"}'


async def put(fabric: Fabric, key: str, lat: float, **changes: Any) -> tuple[int, datetime]:
    """Write an entity; returns its version and a moment at which that was the last word."""
    now = datetime.now(UTC)
    place = Location(lat=lat, lon=-121.0)
    entity = Entity(
        id=key, kind="track", owner="fusion", observed_at=now, heard_at=now, updated_at=now, location=place, **changes
    )
    written = await WorldWriter(fabric.bus, "test").put("entities", key, entity, at=now, causes=entity.causes)
    await asyncio.sleep(0.01)  # so that a moment lies between two versions
    return written.seq, datetime.now(UTC)


def at(moment: datetime | int) -> str:
    return str(moment) if isinstance(moment, int) else moment.isoformat().replace("+00:00", "Z")


async def test_a_moment_is_what_was_known_then(fabric: Fabric) -> None:
    first, early = await put(fabric, "trk-1", 39.0)
    second, later = await put(fabric, "trk-1", 40.0, freshness="stale")
    other, _ = await put(fabric, "trk-2", 41.0)
    await WorldWriter(fabric.bus, "test").leave("entities", "trk-2", at=datetime.now(UTC))
    for moment in (early, first):
        page = await fabric.get(f"/v1/history/entities?as_of={at(moment)}")
        assert [(one["id"], one["location"]["lat"]) for one in page["items"]] == [("trk-1", 39.0)]
        assert page["seq"] == first
    page = await fabric.get(f"/v1/history/tracks?as_of={other}")
    assert [one["id"] for one in page["items"]] == ["trk-1", "trk-2"]
    assert [one["id"] for one in (await fabric.get(f"/v1/history/tracks?as_of={other}&freshness=stale"))["items"]] == [
        "trk-1"
    ]
    assert [one["id"] for one in (await fabric.get(f"/v1/history/tracks?as_of={other}&freshness=live"))["items"]] == [
        "trk-2"
    ]
    page = await fabric.get(f"/v1/history/tracks?as_of={other}&limit=1")
    assert (
        ((await fabric.get(f"/v1/history/tracks?as_of={other}&limit=1&cursor={page['next']}"))["items"][0]["id"])
        == "trk-2"
    )
    now = await fabric.get(f"/v1/history/entities?as_of={at(datetime.now(UTC))}")
    assert [one["id"] for one in now["items"]] == ["trk-1"]
    async with fabric.http.get(
        f"{fabric.url}/v1/history/entities/trk-1?as_of={at(later)}", headers={"Authorization": f"Bearer {SERVICE_KEY}"}
    ) as answer:
        assert (answer.headers["ETag"], (await answer.json())["freshness"]) == (f'"{second}"', "stale")
    for query, status in (
        (f"entities?as_of={at(datetime.now(UTC) + timedelta(hours=1))}", 422),
        ("entities?as_of=99999999", 422),
        ("entities?as_of=yesterday", 422),
        ("entities?as_of=2026-01-01T00:00:00", 422),
        ("entities?as_of=2001-01-01T00:00:00Z", 410),
        ("ghosts?as_of=1", 422),
        ("entities?as_of=1&colour=red", 422),
        ("entities/trk-9?as_of=1", 404),
        ("entities?bundle=b-00000000000000000000000000000000", 404),
    ):
        assert (await fabric.ask(f"/v1/history/{query}"))[0] == status, query


async def test_the_whole_picture_comes_as_frames(fabric: Fabric) -> None:
    first, _ = await put(fabric, "a", 39.0)
    second, _ = await put(fabric, "b", 40.0)
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    async with fabric.http.get(
        f"{fabric.url}/v1/history?as_of={second}&types=entities,alerts", headers=headers
    ) as answer:
        frames = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert [(one["op"], one.get("key"), one["seq"]) for one in frames] == [
        ("snapshot", None, second),
        ("upsert", "a", first),
        ("upsert", "b", second),
        ("snapshot-end", None, second),
    ]


async def test_a_trail_and_an_export(fabric: Fabric) -> None:
    moved = [await put(fabric, "trk-1", 39.0 + n / 10) for n in range(5)]
    await fabric.send("observations.measurement", good("st", lat=39.05, lon=-121.0))
    await fabric.send("observations.measurement", good("far", lat=10.0, lon=10.0))

    async def stored() -> bool:
        return await fabric.count("st") == 1 and await fabric.count("far") == 1

    await eventually(stored)
    trail = await fabric.get("/v1/entities/trk-1/trail")
    assert [point["seq"] for point in trail["points"]] == [seq for seq, _ in moved]
    assert len((await fabric.get("/v1/entities/trk-1/trail?every=86400"))["points"]) == 1
    assert (await fabric.ask("/v1/entities/nobody/trail"))[0] == 404
    assert (await fabric.ask("/v1/entities/trk-1/trail?since=2020-01-01T00:00:00Z"))[0] == 422
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    async with fabric.http.get(f"{fabric.url}/v1/export?bbox=-122,38.95,-120,39.15", headers=headers) as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert answer.headers["Content-Disposition"].endswith('.ndjson"')
    assert [(one["type"], one["body"].get("source"), one.get("seq")) for one in lines if one["key"] != "st"] == [
        ("observations", "st", None),
        ("entities", None, moved[0][0]),
        ("entities", None, moved[1][0]),
    ]
    for query in ("bbox=1,2,3", "polygon=1,1 2,2", "types=ghosts", "format=pdf", "bbox=1,2,3,4&polygon=1,1 2,2 3,1"):
        assert (await fabric.ask(f"/v1/export?{query}"))[0] == 422, query


async def test_a_client_that_goes_lets_the_export_go(fabric: Fabric) -> None:
    """More of them than may be underway together: each must give its place back."""
    await asyncio.gather(*(put(fabric, "big", 39.0, note="x" * 4000) for _ in range(400)))
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    for _ in range(8):
        async with aiohttp.ClientSession(read_bufsize=1024) as impatient:
            answer = await impatient.get(f"{fabric.url}/v1/export?types=entities", headers=headers)
            assert answer.status == 200
            await answer.content.readany()
            answer.close()

    async def works() -> bool:
        status, _ = await fabric.ask("/v1/export?types=alerts")
        return status == 200

    await eventually(works)


async def test_a_bundle_is_exported_and_imported_where_it_never_mixes(fabric: Fabric) -> None:
    seen = new_id()
    await fabric.send("observations.measurement", good("cam", id=seen))
    await eventually(lambda: fabric.account("cam"))
    _, then = await put(fabric, "fire-1", 39.0, causes=(seen,))
    incident = {"id": "inc-1", "title": "Smoke", "class": "fire", "state": "suspected", "severity": "severe"}
    now = datetime.now(UTC)
    event = {
        "id": new_id(),
        "type": "incidents",
        "key": "inc-1",
        "op": "upsert",
        "source": "test",
        "at": now.isoformat(),
    }
    body = incident | {"opened_at": now.isoformat(), "updated_at": now.isoformat(), "entities": ["fire-1"]}
    await fabric.send("world.incidents.inc-1", event | {"body": body, "causes": ["fire-1"]})
    last, _ = await put(fabric, "fire-1", 39.5, causes=(seen,))
    await fabric.get(f"/v1/history/incidents?as_of={last}")
    headers = {"Authorization": f"Bearer {SERVICE_KEY}", "X-Summit-Principal": ADMINISTRATOR}
    async with fabric.http.get(f"{fabric.url}/v1/incidents/inc-1/bundle", headers=headers) as answer:
        data = await answer.read()
        assert (answer.status, answer.content_type) == (200, "application/zip")
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert {"manifest.json", "incidents.ndjson", "entities.ndjson", "observations.ndjson"} <= set(names)
    assert (await fabric.ask("/v1/incidents/none/bundle"))[0] == 404
    async with fabric.http.post(f"{fabric.url}/v1/bundles", data=data, headers=headers) as answer:
        made = await answer.json()
        assert (answer.status, made.get("incident"), made.get("imported_by")) == (201, "inc-1", "Ann"), made
    read = f"bundle={made['id']}"
    page = await fabric.get(f"/v1/history/entities?{read}")
    assert [(one["id"], one["location"]["lat"]) for one in page["items"]] == [("fire-1", 39.5)]
    page = await fabric.get(f"/v1/history/entities?{read}&as_of={at(then)}")
    assert [one["location"]["lat"] for one in page["items"]] == [39.0]
    assert len((await fabric.get(f"/v1/entities/fire-1/trail?{read}"))["points"]) == 2
    await put(fabric, "fire-1", 45.0)
    assert (await fabric.get(f"/v1/history/entities/fire-1?{read}"))["location"]["lat"] == 39.5
    assert [one["id"] for one in (await fabric.get("/v1/bundles"))["items"]] == [made["id"]]
    viewer = headers | {"X-Summit-Principal": VIEWER}
    async with fabric.http.post(f"{fabric.url}/v1/bundles", data=data, headers=viewer) as answer:
        assert answer.status == 403
    async with fabric.http.post(f"{fabric.url}/v1/bundles", data=data[:-200], headers=headers) as answer:
        assert (answer.status, (await answer.json())["field"]) == (422, "manifest.json")
    async with fabric.http.delete(f"{fabric.url}/v1/bundles/{made['id']}", headers=headers) as answer:
        assert answer.status == 204
    assert (await fabric.ask(f"/v1/history/entities?{read}"))[0] == 404


async def test_an_export_that_fails_midway_is_never_taken_for_whole(
    fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b", "c"):
        await put(fabric, key, 39.0)
    real = Recorded.versions

    async def failing(self: Recorded, type_: Any, key: str, *more: Any, **named: Any) -> Any:
        if key == "c":
            raise ConnectionError("the database went away")
        return await real(self, type_, key, *more, **named)

    monkeypatch.setattr(Recorded, "versions", failing)
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    async with fabric.http.get(f"{fabric.url}/v1/export?types=entities", headers=headers) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
