"""Effective entities as the gateway shows them: filters, merged ids, relations, frames, and calls that change them."""

from datetime import UTC, datetime
from typing import Any

from gateway_harness import Gateway, Upstream, World
from msgspec.structs import replace
from summit_core.bus import WorldWriter
from summit_core.model import (
    Alias,
    Entity,
    Location,
    Merge,
    OverriddenField,
    Override,
    Relation,
    WorldType,
)
from waiting import eventually

NOW = datetime.now(UTC)
PLAIN = Entity(id="a", kind="asset", owner="test", observed_at=NOW, heard_at=NOW, updated_at=NOW, sources=("src-a",))


async def put(world: World, *objects: Entity | Override) -> int:
    """The version of the last one."""
    writer, seq = WorldWriter(world.bus, "test"), 0
    for one in objects:
        type_: WorldType = "entities" if isinstance(one, Entity) else "overrides"
        seq = (await writer.put(type_, one.id, one, at=NOW)).seq
    return seq


async def shown(gateway: Gateway, seq: int) -> None:
    async def is_there() -> bool:
        return bool((await gateway.get("/v1/entities"))[1]["seq"] >= seq)

    await eventually(is_there)


def renamed(key: str, label: str) -> Override:
    return Override(
        id=key, updated_at=NOW, fields={"label": OverriddenField(value=label, by="Ada", at=NOW, reason="radio")}
    )


async def test_filters_and_relations(gateway: Gateway, world: World) -> None:
    ridge = replace(
        PLAIN,
        label="Ridge camera",
        labels=("water", "North"),
        aliases=(Alias(scheme="ICAO", value="AB12cd"),),
        location=Location(lat=10.0, lon=179.5),
        relations=(Relation(kind="part_of", to="b"), Relation(kind="near", to="inc-1")),
    )
    other = replace(PLAIN, id="b", identities=("mmsi:7",), sources=("src-b",), location=Location(lat=10.0, lon=-179.5))
    merged = Override(id="c", updated_at=NOW, merge=Merge(into="b", by="Ada", at=NOW))
    absorbing = Override(id="b", updated_at=NOW, absorbed={"c": Merge(into="b", by="Ada", at=NOW)})
    toward = replace(PLAIN, id="d", relations=(Relation(kind="carried_by", to="c"),))
    await shown(gateway, await put(world, ridge, other, replace(PLAIN, id="c"), toward, merged, absorbing))
    for query, found in {
        "label=ridge*": ["a"],
        "label=camera,nothing": ["a"],
        "label=water": ["a"],
        "label=nothing": [],
        "alias=icao:ab12CD": ["a"],
        "alias=mmsi:7": ["b"],
        "source=src-b": ["b"],
        "bbox=179,9,-179,11": ["a", "b"],
        "bbox=-180,9,-179,11": ["b"],
        "bbox=170,9,180,11&label=north": ["a"],
    }.items():
        _, listed = await gateway.get(f"/v1/entities?{query}")
        assert [item["id"] for item in listed["items"]] == found, query
    for wrong in ("alias=ab12cd", "bbox=1,2,3", "bbox=0,91,1,92", "bbox=a,b,c,d", "bbox=0,5,1,4", "bbox=nan,0,1,1"):
        status, problem = await gateway.get(f"/v1/entities?{wrong}")
        assert (status, problem["field"]) == (422, wrong.partition("=")[0])
    _, of_b = await gateway.get("/v1/entities/b/relations")
    assert of_b["items"] == [
        {"kind": "part_of", "from": "a", "to": "b"},
        {"kind": "carried_by", "from": "d", "to": "c"},
    ]
    assert (await gateway.get("/v1/entities/c/relations"))[1]["items"] == of_b["items"]
    assert (await gateway.get("/v1/entities/ghost/relations"))[0] == 404


async def test_the_effective_entity_and_the_one_that_it_is_merged_into(gateway: Gateway, world: World) -> None:
    await put(world, replace(PLAIN, label="Drone 1"), replace(PLAIN, id="t", kind="track"))
    said = await put(world, renamed("a", "Relief"))
    await shown(gateway, said)
    async with gateway.http.get(gateway.url + "/v1/entities/a", headers=gateway.headers()) as response:
        body = await response.json()
        assert (response.headers["ETag"], "Content-Location" in response.headers) == (f'"{said}"', False)
    assert (body["label"], body["overridden"]["label"]["automatic"]) == ("Relief", "Drone 1")
    assert [item["id"] for item in (await gateway.get("/v1/entities?label=relief"))[1]["items"]] == ["a"]

    merge = Merge(into="a", by="Ada", at=NOW, sources=("radar",))
    await put(world, Override(id="t", updated_at=NOW, merge=merge))
    both = await put(world, replace(renamed("a", "Relief"), absorbed={"t": merge}))
    await shown(gateway, both)
    async with gateway.http.get(gateway.url + "/v1/entities/t", headers=gateway.headers()) as response:
        body = await response.json()
        assert response.headers["ETag"] == f'"{both}"'
        assert response.headers["Content-Location"] == "/v1/entities/a"
    assert (body["id"], body["merged"], body["sources"]) == ("a", ["t"], ["src-a", "radar"])
    assert (await gateway.get("/v1/tracks/t"))[0] == 404  # what it is now is no track
    assert (await gateway.get("/v1/entities"))[1]["items"] == [body]


async def test_one_event_is_at_most_one_frame(gateway: Gateway, world: World) -> None:
    """Else a client that was cut off between two frames of one sequence could not resume without loss."""
    first = await put(world, PLAIN, replace(PLAIN, id="t"))
    await shown(gateway, first)
    frames: list[dict[str, Any]] = []
    merge = Merge(into="a", by="Ada", at=NOW)
    async with gateway.http.ws_connect(f"{gateway.url}/v1/stream?from={first}", headers=gateway.headers()) as socket:
        renaming = await put(world, renamed("a", "Relief"))
        merging = await put(world, Override(id="t", updated_at=NOW, merge=merge))
        await put(world, replace(PLAIN, id="t"), Override(id="ghost", updated_at=NOW))  # nobody sees these
        moved = await put(world, replace(PLAIN, location=Location(lat=1.0, lon=2.0)))
        splitting = await put(world, Override(id="t", updated_at=NOW))
        while not frames or frames[-1]["seq"] < splitting:
            frame = await socket.receive_json(timeout=10)
            if frame["op"] != "heartbeat":
                frames.append(frame)
    seen = [(frame["op"], frame["type"], frame["key"], frame["seq"]) for frame in frames]
    assert seen == [
        ("upsert", "entities", "a", renaming),
        ("leave", "entities", "t", merging),
        ("upsert", "entities", "a", moved),
        ("upsert", "entities", "t", splitting),
    ]
    assert (frames[1]["reason"], frames[2]["body"]["label"]) == ("merged", "Relief")


async def test_changes_are_passed_on_to_fabric(gateway: Gateway, upstream: Upstream) -> None:
    operator, viewer = await gateway.key("operator"), await gateway.key("viewer")
    calls = [
        ("POST", "/v1/entities", {"kind": "place"}),
        ("PATCH", "/v1/entities/a", {"label": None}),
        ("DELETE", "/v1/entities/a?reason=over", None),
        ("DELETE", "/v1/entities/a/overrides/class", None),
        ("POST", "/v1/entities/a/merge", {"into": "b"}),
        ("POST", "/v1/entities/a/split", {}),
    ]
    for key, expected in ((viewer, 403), (operator, 200)):
        for method, path, body in calls:
            headers = gateway.headers(key) | {"If-Match": '"7"', "Content-Type": "application/merge-patch+json"}
            async with gateway.http.request(method, gateway.url + path, json=body, headers=headers) as response:
                assert response.status == expected, (method, path)
    assert [(asked["method"], asked["target"]) for asked in upstream.asked] == [call[:2] for call in calls]
    assert {asked["headers"]["if-match"] for asked in upstream.asked} == {'"7"'}
    async with gateway.http.delete(
        gateway.url + "/v1/entities/a/overrides/no%20field", headers=gateway.headers(operator)
    ) as response:
        assert response.status == 422
