"""What people do to the world model, over HTTP against the running fabric."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from fabric_harness import SERVICE_KEY, Fabric, running, shifted, telemetry
from msgspec.structs import replace
from summit_core.bus import Change, Mirror, WorldWriter
from summit_core.clock import ManualClock
from summit_core.ids import new_id
from summit_core.model import Entity, Override, WorldEvent
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import running as loops_running
from summit_fabric.world.service import WorldService
from summit_fabric.world.store import WorldStore
from summit_fabric.world.worker import EXPIRED_SHOWN, UNWRITTEN_FOR, Upkeep, due_of
from waiting import eventually

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Said:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def tag(self) -> str:
        return self.headers["ETag"]


@dataclass
class Operator:
    """A person at the gateway; ``picture`` is what everybody sees."""

    fabric: Fabric
    picture: Mirror
    name: str = "Ada"
    role: str = "operator"

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Said:
        who = json.dumps({"id": self.name.lower(), "name": self.name, "role": self.role})
        sent = {"Authorization": f"Bearer {SERVICE_KEY}", "X-Summit-Principal": who}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        async with self.fabric.http.request(
            method, f"{self.fabric.url}/v1/entities{path}", data=data, headers=sent
        ) as answer:
            return Said(answer.status, answer.headers.copy(), await answer.json(content_type=None))

    async def device(self, key: str, **changes: Any) -> Entity:
        """An asset that has reported itself."""
        await self.fabric.send(f"devices.{key}.telemetry", telemetry(key, **changes))

        async def is_there() -> bool:
            return key in self.picture.written("entities")

        await eventually(is_there)
        return self.sees(key)

    def sees(self, key: str) -> Entity:
        found = self.picture.get("entities", key, Entity)
        assert found is not None, key
        return found[0]

    async def until(self, key: str, **values: Any) -> Entity:
        """The entity once it has these values in the picture."""

        async def holds() -> Entity | None:
            found = self.picture.get("entities", key, Entity)
            fits = found is not None and all(getattr(found[0], name) == value for name, value in values.items())
            return found[0] if found is not None and fits else None

        found = await eventually(holds)
        assert found is not None
        return found


@pytest.fixture
async def ada(fabric: Fabric) -> Any:
    health = HealthMonitor()
    mirror = Mirror(fabric.bus, health, gather_s=0.0)
    async with loops_running({"mirror": mirror.run}, health):
        await mirror.ready.wait()
        yield Operator(fabric, mirror)


async def test_an_entity_of_their_own(ada: Operator) -> None:
    draft = {"kind": "place", "label": "Staging", "location": {"lat": 39.8, "lon": -121.4}, "reason": "briefing"}
    made = await ada.call("POST", "", draft)
    key = made.body["id"]
    assert (made.status, made.headers["Location"], made.body["owner"]) == (201, f"/v1/entities/{key}", "operator")
    assert [(line["by"], line["what"]) for line in made.body["timeline"]] == [("Ada", "Made: briefing")]
    again = [await ada.call("POST", "", draft, Idempotency_Key="k-1") for _ in range(2)]
    assert again[0].body == again[1].body != made.body

    assert (await ada.call("PATCH", f"/{key}", {"label": "x"})).status == 428
    assert (await ada.call("PATCH", f"/{key}", {"label": "x"}, If_Match='"0"')).body["code"] == "precondition_failed"
    patch = {"location": {"alt_m": 900}, "labels": ["water"], "label": None, "reason": "surveyed"}
    moved = await ada.call("PATCH", f"/{key}", patch, If_Match=made.tag)
    assert (moved.status, moved.body["location"]) == (200, {"lat": 39.8, "lon": -121.4, "alt_m": 900})
    assert ("label" in moved.body, moved.body["labels"]) == (False, ["water"])
    assert moved.body["timeline"][-1]["what"] == "Changed label, labels, location: surveyed"
    late = await ada.call("PATCH", f"/{key}", {"note": "n", "observed_at": shifted(-3600)}, If_Match=moved.tag)
    assert (late.status, late.body["field"]) == (409, "observed_at")
    for wrong, field in (
        ({"health": {}}, "health"),
        ({"label": 5}, "label"),
        ({"location": {"lat": 99}}, "location.lat"),
        ({"expires_at": shifted(-1)}, "expires_at"),
        ({"reason": "nothing"}, None),
    ):
        refused = await ada.call("PATCH", f"/{key}", wrong, If_Match="*")
        assert (refused.status, refused.body.get("field")) == (422, field), refused.body
    assert (await ada.call("DELETE", f"/{key}/overrides/label", If_Match="*")).status == 404
    assert (await ada.call("DELETE", f"/{key}?reason=moved+on", If_Match=made.tag)).status == 412
    assert (await ada.call("DELETE", f"/{key}?reason=moved+on", If_Match=moved.tag)).status == 204
    assert (await ada.call("PATCH", f"/{key}", {"label": "x"}, If_Match="*")).status == 404


async def test_what_an_operator_says_holds_until_taken_back(ada: Operator) -> None:
    seen = await ada.device("d1", label="Drone 1", battery=0.9)
    tag = f'"{ada.picture.changes("entities")["d1"].seq}"'
    said = await ada.call(
        "PATCH", "/d1", {"label": "Relief", "location": {"lat": 40.0, "lon": -120.0}, "reason": "radio"}, If_Match=tag
    )
    assert said.status == 200
    assert said.body["overridden"]["label"] | {"at": ""} == {
        "by": "Ada",
        "at": "",
        "reason": "radio",
        "automatic": "Drone 1",
    }
    await ada.fabric.send("devices.d1.telemetry", telemetry("d1", label="Drone One", battery=0.5, lat=41.0))
    shown = await ada.until("d1", label="Relief", health=replace(seen.health, battery=0.5))
    assert shown.location is not None
    assert (shown.location.lat, shown.overridden["location"].automatic["lat"]) == (40.0, 41.0)
    assert shown.overridden["label"].automatic == "Drone One"

    # The automatic has moved on, and that is no conflict between people; another person's change is one.
    bo = Operator(ada.fabric, ada.picture, "Bo")
    other = await bo.call("PATCH", "/d1", {"note": "low battery"}, If_Match=said.tag)
    assert (other.status, other.body["note"]) == (200, "low battery")
    assert (await ada.call("DELETE", "/d1/overrides/label", If_Match=said.tag)).status == 412
    back = await ada.call("DELETE", "/d1/overrides/label?reason=back", If_Match=other.tag)
    assert (back.body["label"], sorted(back.body["overridden"])) == ("Drone One", ["location", "note"])
    gone = await ada.call("PATCH", "/d1", {"note": None, "location": None}, If_Match=back.tag)
    assert ("overridden" in gone.body, gone.body["location"]["lat"]) == (False, 41.0)
    await ada.until("d1", label="Drone One", overridden={})
    override = ada.picture.override("d1")
    assert override is not None
    assert [(line.by, line.what) for line in override.timeline][-2:] == [
        ("Ada", "Took back label: back"),
        ("Ada", "Changed location, note"),
    ]
    assert (await ada.call("PATCH", "/d1", {"kind": "place"}, If_Match="*")).body["field"] == "kind"
    assert (await ada.call("DELETE", "/d1", If_Match="*")).status == 409
    viewer = Operator(ada.fabric, ada.picture, "Vi", "viewer")
    assert (await viewer.call("PATCH", "/d1", {"note": "x"}, If_Match="*")).status == 403


async def test_merge_and_split(ada: Operator) -> None:
    for key in ("d1", "d2", "d3"):
        await ada.device(key)
    await ada.call("PATCH", "/d1", {"aliases": [{"scheme": "icao", "value": "ab12cd"}]}, If_Match="*")
    before = {key: await ada.until(key) for key in ("d2", "d3")}
    one = await ada.call("POST", "/d1/merge", {"into": "d2", "reason": "same aircraft"})
    assert (one.status, one.headers["Content-Location"]) == (200, "/v1/entities/d2")
    assert (one.body["merged"], one.body["sources"]) == (["d1"], ["d2", "d1"])
    assert one.body["aliases"] == [{"scheme": "icao", "value": "ab12cd"}]
    two = await ada.call("POST", "/d2/merge", {"into": "d3"})
    assert (two.body["id"], two.body["merged"], two.body["sources"]) == ("d3", ["d1", "d2"], ["d3", "d1", "d2"])
    assert ada.picture.survivor("d1") in {"d2", "d3"}
    for path, body in (("/d3/merge", {"into": "d1"}), ("/d1/merge", {"into": "d3"}), ("/d3/split", {})):
        assert (await ada.call("POST", path, body)).status == 409
    assert (await ada.call("POST", "/d3/merge", {"into": "ghost"})).body["field"] == "into"
    assert (await ada.call("PATCH", "/d1", {"label": "x"}, If_Match="*")).status == 409

    async def only_one_is_shown() -> bool:
        return set(ada.picture.changes("entities")) == {"d3"}

    await eventually(only_one_is_shown)
    lineage = await ada.fabric.get("/v1/lineage/d3")
    assert any(node["type"] == "override" and "d1 merged by Ada" in node["title"] for node in lineage["nodes"])
    assert (await ada.call("POST", "/d1/split", {}, If_Match='"0"')).status == 412
    assert (await ada.call("POST", "/d2/split", {"reason": "two of them"}, If_Match=two.tag)).body["merged"] == ["d1"]
    assert (await ada.call("POST", "/d1/split", None)).body["aliases"][0]["value"] == "ab12cd"
    for key, was in before.items():
        now = await ada.until(key, merged=())
        assert (now.aliases, now.sources, now.label) == (was.aliases, was.sources, was.label)


async def test_the_longest_reason_stops_nobody(ada: Operator) -> None:
    """What is written must be readable: a line of the timeline holds more than the reason."""
    reason = "\N{FIRE}" * 4_000
    made = await ada.call("POST", "", {"kind": "asset", "label": "pump", "reason": reason})
    assert made.status == 201, made.body
    for key in ("d1", "d2"):
        await ada.device(key)
    said = await ada.call("PATCH", "/d1", {"label": "Relief", "reason": reason}, If_Match="*")
    assert (await ada.call("DELETE", f"/d1/overrides/label?reason={'r' * 1_000}", If_Match=said.tag)).status == 200
    assert (await ada.call("POST", "/d1/merge", {"into": "d2", "reason": reason})).status == 200
    assert (await ada.call("POST", "/d1/split", {"reason": reason})).status == 200
    for key, told in {"d1": [4_000, 1_017, 4_000, 4_000, 12], "d2": [4_000, 4_000, 12]}.items():
        assert (await ada.call("PATCH", f"/{key}", {"note": "may be changed still"}, If_Match="*")).status == 200
        await ada.until(key, note="may be changed still")
        override = ada.picture.override(key)
        assert override is not None
        assert [len(line.what) for line in override.timeline] == told
        assert {line.what[-1] for line in override.timeline if len(line.what) == 4_000} == {"…"}
    assert (await ada.call("DELETE", f"/{made.body['id']}?reason={'r' * 1_000}", If_Match="*")).status == 204


async def test_a_restart_of_fabric_changes_nothing(nats_url: str, database_url: str) -> None:
    async with running(nats_url, database_url) as fabric:
        health = HealthMonitor()
        mirror = Mirror(fabric.bus, health, gather_s=0.0)
        async with loops_running({"mirror": mirror.run}, health):
            await mirror.ready.wait()
            ada = Operator(fabric, mirror)
            await ada.device("d1", label="Drone 1")
            await ada.device("d2")
            said = await ada.call("PATCH", "/d1", {"label": "Relief"}, If_Match="*")
            await ada.call("POST", "/d2/merge", {"into": "d1"})
    async with running(nats_url, database_url) as fabric:
        mirror = Mirror(fabric.bus, HealthMonitor())
        async with loops_running({"mirror": mirror.run}, HealthMonitor()):
            await mirror.ready.wait()
            ada = Operator(fabric, mirror)
            shown = await ada.until("d1", label="Relief", merged=("d2",))
            assert shown.overridden["label"].automatic == "Drone 1"
            await fabric.send("devices.d1.telemetry", telemetry("d1", label="Drone 1", battery=0.4))

            async def has_heard() -> bool:
                return mirror.owned_by("fabric")[0].health is not None and ada.sees("d1").health.battery == 0.4

            await eventually(has_heard)
            assert (ada.sees("d1").label, {e.id: e.label for e in mirror.owned_by("fabric")}["d1"]) == (
                "Relief",
                "Drone 1",
            )
            assert (await ada.call("DELETE", "/d1/overrides/label", If_Match=said.tag)).status == 412  # the merge
            back = await ada.call("DELETE", "/d1/overrides/label", If_Match="*")
            assert (back.body["label"], back.body["merged"]) == ("Drone 1", ["d2"])


async def test_time_to_live_and_what_outlives_it(nats_url: str, fabric: Fabric) -> None:
    """With a clock of our own, beside a world that nobody else writes."""
    clock, health = ManualClock(datetime.now(UTC)), HealthMonitor()
    writer = WorldWriter(fabric.bus, "test")
    mirror = Mirror(fabric.bus, health, gather_s=0.0)
    start = clock.now()
    async with loops_running({"mirror": mirror.run}, health):
        await mirror.ready.wait()
        upkeep = Upkeep(WorldService(WorldStore(mirror, writer), clock), clock)
        base = Entity(id="e", kind="track", owner="fusion", observed_at=start, heard_at=start, updated_at=start)
        ends = replace(base, id="ends", expires_at=start + timedelta(hours=1))
        place = replace(base, id="op-1", kind="place", owner="operator")
        for entity in (base, ends, place):
            await writer.put("entities", entity.id, entity, at=start)
        for key in ("e", "gone"):
            field = {"label": {"value": "mine", "by": "Ada", "at": start}}
            override = msgspec.convert({"id": key, "updated_at": start, "fields": field}, Override)
            await writer.put("overrides", key, override, at=start)
        await writer.put("overrides", "empty", Override(id="empty", updated_at=start), at=start)

        async def all_there() -> bool:
            return len(mirror.changes("overrides")) == 3

        await eventually(all_there)

        async def after(passed: timedelta) -> dict[str, str]:
            clock.advance((start + passed - clock.now()).total_seconds())
            await upkeep.look()
            return {entity.id: entity.freshness for entity in mirror.all("entities", Entity)}

        assert await after(timedelta(0)) == {"e": "live", "ends": "live", "op-1": "live"}
        assert set(mirror.changes("overrides")) == {"e", "gone"}
        assert await after(timedelta(hours=1)) == {"e": "live", "ends": "expired", "op-1": "live"}
        assert await after(timedelta(hours=1) + EXPIRED_SHOWN) == {"e": "live", "op-1": "live"}
        assert await after(UNWRITTEN_FOR) == {"e": "expired", "op-1": "live"}
        assert await after(UNWRITTEN_FOR + EXPIRED_SHOWN) == {"op-1": "live"}
        await writer.put("entities", "e", replace(base, label="its own"), at=clock.now())

        async def is_back() -> bool:
            return "e" in mirror.changes("entities")

        await eventually(is_back)
        assert [entity.label for entity in mirror.all("entities", Entity) if entity.id == "e"] == ["mine"]
        await after(timedelta(days=31))
        assert "gone" not in mirror.changes("overrides")


def test_most_entities_have_no_end_in_sight() -> None:
    entity = Entity(id="e", kind="track", owner="fusion", observed_at=NOW, heard_at=NOW, updated_at=NOW)

    def due(entity: Entity, after: timedelta) -> str | None:
        raw = msgspec.Raw(msgspec.json.encode(entity))
        event = WorldEvent(id=new_id(), type="entities", key="e", op="upsert", source="t", at=NOW, body=raw)
        return due_of(Change(1, event), NOW + after)

    assert due(replace(entity, label="expired"), timedelta(hours=1)) is None
    assert due(replace(entity, freshness="expired"), EXPIRED_SHOWN) == "leave"
    assert due(entity, UNWRITTEN_FOR) == "expire"
    assert due(replace(entity, owner="operator"), timedelta(days=99)) is None
