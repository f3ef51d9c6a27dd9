"""Zones at the gateway: as GeoJSON where they lie now, and calls that change them."""

from datetime import UTC, datetime
from typing import Any

from gateway_harness import Gateway, Upstream, World
from summit_core import wire
from summit_core.bus import WorldWriter
from summit_core.geo import distance_m
from summit_core.model import Zone
from waiting import eventually

NOW = datetime.now(UTC)
RING = [[-84.21, 36.49], [-84.19, 36.49], [-84.19, 36.51], [-84.21, 36.49]]


def zone(key: str, **stated: Any) -> Zone:
    base = {"id": key, "name": key, "rule": "exclusion", "created_at": NOW, "updated_at": NOW}
    return wire.decode(wire.encode(base | stated), Zone)


async def test_zones_are_shown_where_they_lie_now(gateway: Gateway, world: World) -> None:
    polygon = {"geometry": {"type": "Polygon", "coordinates": [RING]}}
    circle = {"circle": {"lat": 36.5, "lon": -84.2, "radius_m": 1000.0, "holes": [RING]}}
    anchored = polygon | {"anchor": "truck", "anchor_at": [-84.2, 35.5]}
    zones = [zone("a", **polygon), zone("b", **circle), zone("c", **anchored), zone("d", **anchored | {"anchor": "no"})]
    await world.put("truck")
    writer = WorldWriter(world.bus, "test")
    versions = [(await writer.put("zones", one.id, one, at=NOW)).seq for one in zones]

    async def is_there() -> bool:
        return bool((await gateway.get("/v1/zones"))[1]["seq"] >= versions[-1])

    await eventually(is_there)
    status, collection = await gateway.get("/v1/zones", Accept="application/geo+json")
    shown = {one["id"]: one["geometry"] for one in collection["features"]}
    assert (status, collection["type"], shown["a"]) == (200, "FeatureCollection", polygon["geometry"])
    outer, hole = shown["b"]["coordinates"]
    assert hole == RING and outer[0] == outer[-1] and len(outer) == 65
    assert all(abs(distance_m(36.5, -84.2, lat, lon) - 1000.0) < 0.01 for lon, lat in outer)
    moved = shown["c"]["coordinates"][0]
    assert all(abs(lat - drawn_lat - 1.0) < 0.01 for (_, lat), (_, drawn_lat) in zip(moved, RING, strict=True))
    assert shown["d"] is None
    assert [one["id"] for one in (await gateway.get("/v1/zones?anchor=truck"))[1]["items"]] == ["c"]


async def test_only_operators_change_zones_and_by_the_version_they_saw(gateway: Gateway, upstream: Upstream) -> None:
    viewer, operator = await gateway.key("viewer"), await gateway.key("operator")
    assert (await gateway.post("/v1/zones", {}, key=viewer))[0] == 403
    upstream.status = 201
    assert (await gateway.post("/v1/zones", {"name": "x"}, key=operator, **{"Idempotency-Key": "k"}))[0] == 201
    assert upstream.asked[-1]["headers"]["idempotency-key"] == "k"
    upstream.status = 200
    for method in ("PUT", "PATCH", "DELETE"):
        for key, expected in ((viewer, 403), (operator, 200)):
            headers = gateway.headers(key) | {"If-Match": '"7"', "Content-Type": "application/json"}
            async with gateway.http.request(
                method, gateway.url + "/v1/zones/z-1", data=b"{}", headers=headers
            ) as answer:
                assert answer.status == expected
        asked = upstream.asked[-1]
        assert (asked["method"], asked["target"], asked["headers"]["if-match"]) == (method, "/v1/zones/z-1", '"7"')
    for path in ("/v1/zones/z-1/events?limit=5", "/v1/entities/e-1/crossings?cursor=9"):
        assert (await gateway.get(path, key=viewer))[0] == 200
        assert upstream.asked[-1]["target"] == path
