"""Zones as people draw them, over HTTP, and what telemetry does in them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fabric_harness import SERVICE_KEY, Fabric, telemetry
from multidict import CIMultiDictProxy
from waiting import eventually

OPERATOR = '{"id":"u1","name":"Ana","role":"operator"}'
VIEWER = '{"id":"u2","name":"Vic","role":"viewer"}'
RING = [[-121.41, 39.79], [-121.39, 39.79], [-121.39, 39.81], [-121.41, 39.81], [-121.41, 39.79]]
DRAFT = {"name": "Camp", "rule": "exclusion", "geometry": {"type": "Polygon", "coordinates": [RING]}}


async def call(
    fabric: Fabric, method: str, path: str, body: Any = None, *, who: str = OPERATOR, **headers: str
) -> tuple[int, Any, CIMultiDictProxy[str]]:
    sent = {"Authorization": f"Bearer {SERVICE_KEY}", "X-Summit-Principal": who} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    data = None if body is None else json.dumps(body).encode()
    async with fabric.http.request(method, fabric.url + path, data=data, headers=sent) as answer:
        text = await answer.read()
        return answer.status, json.loads(text) if text else None, answer.headers


async def draw(fabric: Fabric, **changes: Any) -> tuple[str, str]:
    """The new zone's id and its tag."""
    status, zone, headers = await call(fabric, "POST", "/v1/zones", DRAFT | changes)
    assert status == 201, zone
    return zone["id"], headers["ETag"]


async def test_a_zone_is_drawn_changed_and_removed_by_its_version(fabric: Fabric) -> None:
    status, zone, headers = await call(fabric, "POST", "/v1/zones", DRAFT)
    assert (status, zone["name"], zone["by"], zone["geometry"]) == (201, "Camp", "Ana", DRAFT["geometry"])
    path, tag = headers["Location"], headers["ETag"]
    assert (await call(fabric, "PATCH", path, {"dwell_s": 60}))[0] == 428
    status, zone, headers = await call(fabric, "PATCH", path, {"dwell_s": 60, "note": "wasps"}, If_Match=tag)
    assert (status, zone["dwell_s"], zone["name"], zone["note"]) == (200, 60, "Camp", "wasps")
    status, problem, _ = await call(fabric, "PATCH", path, {"note": None}, If_Match=tag)
    assert (status, problem["code"]) == (412, "precondition_failed")
    circle = {"circle": {"lat": 39.8, "lon": -121.4, "radius_m": 300}, "geometry": None}
    status, zone, headers = await call(fabric, "PATCH", path, circle | {"note": None}, If_Match=headers["ETag"])
    assert (status, zone["circle"]["radius_m"], "geometry" in zone, "note" in zone) == (200, 300, False, False)
    status, again, headers = await call(fabric, "PUT", path, zone | {"name": "Camp 2"}, If_Match=headers["ETag"])
    assert (status, again["name"], again["created_at"]) == (200, "Camp 2", zone["created_at"])
    assert (await call(fabric, "DELETE", path, If_Match=tag))[0] == 412
    assert (await call(fabric, "DELETE", path, If_Match=headers["ETag"]))[0] == 204
    assert (await call(fabric, "DELETE", path, If_Match="*"))[0] == 404


async def test_only_operators_draw_and_the_same_key_draws_once(fabric: Fabric) -> None:
    assert (await call(fabric, "POST", "/v1/zones", DRAFT, who=VIEWER))[0] == 403
    _, one, _ = await call(fabric, "POST", "/v1/zones", DRAFT, Idempotency_Key="k1")
    _, same, _ = await call(fabric, "POST", "/v1/zones", DRAFT, Idempotency_Key="k1")
    _, other, _ = await call(fabric, "POST", "/v1/zones", DRAFT, Idempotency_Key="k2")
    assert one["id"] == same["id"] != other["id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"geometry": None}, "geometry"),
        ({"geometry": {"type": "Polygon", "coordinates": [RING[:-1]]}}, "geometry.coordinates[0]"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "geometry.type"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 91], [1, 1], [0, 0]]]}}, None),
        ({"anchor": "nobody"}, "anchor"),
        ({"rule": "none"}, "rule"),
        ({"floor_m": 50, "ceiling_m": 40}, "ceiling_m"),
        ({"ceiling": 40}, "ceiling"),
        ({"schedule": [{"daily": {"begins": "25:00", "ends": "06:00"}}]}, "schedule[0].daily.begins"),
    ],
)
async def test_a_bad_draft_is_refused_with_its_field(
    fabric: Fabric, changes: dict[str, Any], field: str | None
) -> None:
    draft = {name: value for name, value in (DRAFT | changes).items() if value is not None}
    status, problem, _ = await call(fabric, "POST", "/v1/zones", draft)
    assert status == 422
    assert field is None or problem["field"] == field
    assert field is not None or "geometry.coordinates" in problem["field"]


async def test_telemetry_crosses_and_the_lists_say_so(fabric: Fabric) -> None:
    zone, _ = await draw(fabric, dwell_s=5)
    start = datetime.now(UTC) - timedelta(seconds=60)

    async def fly(second: int, lat: float) -> None:
        at = (start + timedelta(seconds=second)).isoformat()
        await fabric.send("devices.d1.telemetry", telemetry("d1", lat=lat, observed_at=at))

    async def events(count: int) -> list[Any]:
        _, page, _ = await call(fabric, "GET", f"/v1/zones/{zone}/events", who=VIEWER)
        return list(page["items"]) if len(page["items"]) == count else []

    for count, (second, lat) in enumerate([(0, 39.7), (10, 39.8), (20, 39.8), (30, 39.9)]):
        await fly(second, lat)
        assert count == 0 or await eventually(lambda count=count: events(count))
    listed = await events(3)
    assert [one["event"] for one in listed] == ["exit", "dwell", "enter"]
    assert [one["entity"] for one in listed] == ["d1"] * 3
    _, first, _ = await call(fabric, "GET", "/v1/entities/d1/crossings?limit=2", who=VIEWER)
    _, second_page, _ = await call(fabric, "GET", f"/v1/entities/d1/crossings?cursor={first['next']}", who=VIEWER)
    assert first["items"] + second_page["items"] == listed
    assert second_page["next"] is None
    status, problem, _ = await call(fabric, "GET", "/v1/entities/d1/crossings?cursor=x", who=VIEWER)
    assert (status, problem["field"]) == (422, "cursor")


async def test_a_feature_is_a_draft_and_an_anchor_is_where_it_is(fabric: Fabric) -> None:
    await fabric.send("devices.t1.telemetry", telemetry("t1", lat=39.8, lon=-121.4))
    feature = {
        "type": "Feature",
        "geometry": DRAFT["geometry"],
        "properties": {"name": "Convoy", "rule": "inclusion", "anchor": "t1"},
    }

    async def drawn() -> Any:
        status, zone, _ = await call(fabric, "POST", "/v1/zones", feature)
        return zone if status == 201 else None

    zone = await eventually(drawn)
    assert (zone["anchor"], zone["anchor_at"]) == ("t1", [-121.4, 39.8])
