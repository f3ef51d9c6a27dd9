"""The picture that fabric keeps, what it answers, and the way back from anything to its observations."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import h3
import msgspec
import pytest
from fabric_harness import Fabric, good, running, shifted, telemetry
from summit_core import wire
from summit_core.bus import Bus, Delivery, Mirror, WorldWriter
from summit_core.bus.streams import WORLD
from summit_core.clock import ManualClock
from summit_core.ids import new_id
from summit_core.model import (
    Approval,
    Decision,
    Entity,
    Incident,
    IncidentState,
    Plan,
    Role,
    Severity,
    Task,
    TaskState,
    Telemetry,
)
from summit_core.observability.health import HealthMonitor
from summit_core.supervise import end
from summit_fabric.decoded import Decoded
from summit_fabric.keeper import TIMER, WRITE_EVERY_S, Keeper
from waiting import eventually

VIEWER = '{"id":"u","name":"u","role":"viewer"}'
DEVICE = '{"id":"u","name":"u","role":"device"}'


async def entity(bus: Bus, key: str) -> tuple[Entity, int] | None:
    """The latest version in the stream itself."""
    mirror = Mirror(bus, HealthMonitor())
    following = asyncio.create_task(mirror.run())
    await mirror.ready.wait()
    await end(following)
    return mirror.get("entities", key, Entity)


async def test_telemetry_is_in_the_picture_and_the_last_will_makes_it_lost(fabric: Fabric) -> None:
    await fabric.send(
        "devices.d1.telemetry", telemetry("d1", battery=0.9, home=[39.8, -121.4], capabilities=["camera"])
    )
    held, _ = await eventually(lambda: entity(fabric.bus, "d1"))
    assert (held.kind, held.class_, held.capabilities, held.freshness) == ("asset", "drone", ("camera",), "live")
    await fabric.send("devices.d1.status", {"status": "offline"})

    async def is_lost() -> bool:
        found = await entity(fabric.bus, "d1")
        return found is not None and found[0].freshness == "lost"

    await eventually(is_lost)

    async def account_says_so() -> bool:
        return (await fabric.account("d1")).get("freshness") == "lost"

    await eventually(account_says_so)
    await fabric.send("devices.d1.telemetry", telemetry("d1", battery=0.8))

    async def is_live() -> bool:
        found = await entity(fabric.bus, "d1")
        return found is not None and found[0].freshness == "live"

    await eventually(is_live)
    assert not await fabric.letters()


async def test_silence_is_seen_and_a_restart_is_not_mistaken_for_one(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    health = HealthMonitor()
    health.expect(TIMER)
    clock = ManualClock(datetime.now(UTC))
    mirror = Mirror(bus, health)
    said = Telemetry(
        id=new_id(), source="d1", observed_at=clock.now(), received_at=clock.now(), category="crew", lat=1.0, lon=2.0
    )
    keeper = Keeper(WorldWriter(bus, "fabric"), mirror, clock, Decoded())
    loops = [asyncio.create_task(mirror.run())]
    await keeper.load()
    batch = Delivery("validated.observations", wire.encode_batch([said]), "$JS.ACK.OBSERVATIONS.k.1.1.1.1.0")
    await keeper.observations([batch])
    loops += [asyncio.create_task(keeper.watch(health)), asyncio.create_task(keeper.pace(health))]

    def becomes(freshness: str) -> Callable[[], Awaitable[bool]]:
        async def is_so() -> bool:
            found = mirror.get("entities", "d1", Entity)
            return found is not None and found[0].freshness == freshness

        return is_so

    await eventually(becomes("live"))
    clock.advance(31)
    await eventually(becomes("stale"))
    clock.advance(70)
    await eventually(becomes("lost"))
    await keeper.observations([batch])
    await eventually(becomes("live"))
    clock.advance(500)
    again = Keeper(WorldWriter(bus, "fabric"), mirror, clock, Decoded())
    await again.load()
    assert again.freshness_of("d1", None) == "live"
    await end(*loops)
    await bus.close()


@pytest.mark.parametrize(("late_s", "waiting", "most", "least"), [(0.0, 0, 9, 3), (1.0, 0, 2, 1), (0.0, 6000, 2, 1)])
async def test_what_comes_late_is_shown_less_often(
    nats_url: str, late_s: float, waiting: int, most: int, least: int
) -> None:
    """A system that is behind, or is going to be, catches up first; what it shows meanwhile is of the past already."""
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    clock, mirror, decoded = ManualClock(datetime.now(UTC)), Mirror(bus, HealthMonitor()), Decoded()
    keeper = Keeper(WorldWriter(bus, "fabric"), mirror, clock, decoded)
    loops = [asyncio.create_task(mirror.run())]
    await keeper.load()
    loops.append(asyncio.create_task(keeper.pace(HealthMonitor())))
    first, taking = clock.now(), []
    for number in range(50):  # a second, and each waits until it is written
        at = first + timedelta(milliseconds=20 * number)
        arrived = clock.now() - timedelta(seconds=late_s)
        said = Telemetry(
            id=new_id(), source="d1", observed_at=at, received_at=arrived, category="crew", lat=1.0 + number, lon=2.0
        )
        reply = f"$JS.ACK.OBSERVATIONS.fabric-keeper.1.{number}.{number}.1800000000000000000.{49 - number}"
        batch = Delivery("validated.observations", wire.encode_batch([said]), reply)
        decoded.waiting = waiting if number < 49 else 0
        taking.append(asyncio.create_task(keeper.observations([batch])))
        await asyncio.sleep(0.02)
    state = (await bus.jetstream.stream_info(WORLD)).state
    await asyncio.gather(*taking)

    async def is_newest() -> bool:
        found = mirror.get("entities", "d1", Entity)
        return found is not None and found[0].updates == 50

    await eventually(is_newest)
    assert least <= state.last_seq <= most
    await end(*loops)
    await bus.close()


async def test_a_stream_of_telemetry_is_written_at_most_five_times_a_second(fabric: Fabric) -> None:
    await fabric.send("observations.telemetry", telemetry("fast"))
    _, first = await eventually(lambda: entity(fabric.bus, "fast"))
    started = asyncio.get_running_loop().time()
    for number in range(100):
        await fabric.send("observations.telemetry", telemetry("fast", battery=number / 200))
        await asyncio.sleep(0.005)

    async def newest() -> int | None:
        found = await entity(fabric.bus, "fast")
        return found[1] if found and found[0].health and found[0].health.battery == 99 / 200 else None

    last = await eventually(newest)
    elapsed = asyncio.get_running_loop().time() - started
    assert last - first <= 5 * elapsed + 2


async def test_who_was_quiet_is_seen_at_once_though_others_speak_fast(fabric: Fabric) -> None:
    """Nobody waits for the pace of another: 30 quiet devices beside one that floods."""
    changes: dict[str, float] = {}
    mirror = Mirror(fabric.bus, HealthMonitor())
    mirror.listen(lambda change: changes.setdefault(change.event.key, asyncio.get_running_loop().time()))
    following = asyncio.create_task(mirror.run())
    await mirror.ready.wait()
    sent: dict[str, float] = {}
    for number in range(120):
        await fabric.send("observations.telemetry", telemetry("flood", battery=number / 200))
        if number % 4 == 0:
            sent[f"quiet-{number}"] = asyncio.get_running_loop().time()
            await fabric.send("observations.telemetry", telemetry(f"quiet-{number}"))

    async def all_there() -> bool:
        return sent.keys() <= changes.keys()

    await eventually(all_there)
    await end(following)
    delays = sorted(changes[key] - at for key, at in sent.items())
    assert delays[len(delays) // 2] < WRITE_EVERY_S


async def test_a_restart_changes_nothing(nats_url: str, database_url: str) -> None:
    async with running(nats_url, database_url) as fabric:
        await fabric.send("observations.measurement", good("st", quantity="wind_speed", value=8.2, unit="m/s"))
        await fabric.send("observations.telemetry", telemetry("d1"))

        async def both() -> bool:
            return await entity(fabric.bus, "st") is not None and await fabric.count("d1") == 1

        await eventually(both)
        before = await entity(fabric.bus, "st")
    async with running(nats_url, database_url) as fabric:
        assert await entity(fabric.bus, "st") == before
        await fabric.send("observations.measurement", good("st", quantity="temperature", value=30, unit="Cel"))

        async def shows_both() -> bool:
            found = await entity(fabric.bus, "st")
            return bool(
                found and found[0].health and found[0].health.activity == "temperature 30 Cel, wind_speed 8.2 m/s"
            )

        await eventually(shows_both)
        assert (await fabric.account("d1"))["received"] == 1


async def test_pages_filters_and_clear_refusals(fabric: Fabric) -> None:
    sent = [good("pager", seq=n, observed_at=shifted(-n)) for n in range(7)]
    await fabric.send("observations.measurement", sent)
    await fabric.send("observations.telemetry", telemetry("other", recording="r1"))

    async def stored() -> bool:
        return await fabric.count("pager") == 7 and await fabric.count("other") == 1

    await eventually(stored)
    seqs, cursor = [], ""
    while cursor is not None:
        page = await fabric.get(f"/v1/observations?source=pager&limit=3{cursor and '&cursor=' + cursor}")
        seqs += [item["seq"] for item in page["items"]]
        cursor = page["next"]
    assert seqs == list(range(7))
    assert len((await fabric.get("/v1/observations?recording=r1&kind=telemetry"))["items"]) == 1
    assert [one["id"] for one in (await fabric.get("/v1/sources"))["items"]] == ["other", "pager"]
    page = await fabric.get("/v1/sources?limit=1")
    assert (await fabric.get(f"/v1/sources?cursor={page['next']}"))["items"][0]["id"] == "pager"
    for query, field in (
        ("observations?limit=0", "limit"),
        ("observations?limit=1001", "limit"),
        ("observations?kind=banana", "kind"),
        ("observations?since=2026-01-01T00:00:00", "since"),
        ("observations?cursor=%00nonsense", "cursor"),
        ("observations?bbox=1,2,3", "bbox"),
        ("observations?h3=fffffffffffffff", "h3"),
        ("observations?source=a%20b", "source"),
        ("observations/not-an-id", "id"),
        ("dead-letters?cursor=bm9uc2Vuc2U", "cursor"),
        ("sources?cursor=pager", "cursor"),
    ):
        status, answer = await fabric.ask(f"/v1/{query}")
        assert (status, answer["code"], answer["field"]) == (422, "invalid_field", field), query
    assert (await fabric.ask(f"/v1/observations/{new_id()}"))[0] == 404
    assert (await fabric.ask("/v1/lineage/nobody"))[0] == 404


async def test_an_area_finds_exactly_what_lies_in_it_page_by_page(fabric: Fabric) -> None:
    places = [(10 + n / 20, 179.5 + n / 20 - 360 * (n > 9)) for n in range(20)]  # across the antimeridian
    sent = [good("place", seq=n, lat=lat, lon=lon, observed_at=shifted(-n)) for n, (lat, lon) in enumerate(places)]
    await fabric.send("observations.measurement", [*sent, good("place", lat=None, lon=None)])

    async def stored() -> bool:
        return await fabric.count("place") == 21

    await eventually(stored)

    async def found(query: str) -> list[int]:
        seqs, cursor = [], ""
        while cursor is not None:
            page = await fabric.get(f"/v1/observations?{query}&limit=2{cursor and '&cursor=' + cursor}")
            seqs += [item["seq"] for item in page["items"]]
            cursor = page["next"]
        return seqs

    assert await found("bbox=179.79,10.2,-179.9,10.62") == list(range(6, 13))
    assert await found("bbox=100,-60,-100,60") == list(range(20))  # too large for cells
    assert await found("bbox=179,10,179.9,12&since=2100-01-01T00:00:00Z") == []
    west = h3.latlng_to_cell(10.0, 179.5, 0)
    assert await found(f"h3={west}") == [n for n, place in enumerate(places) if h3.latlng_to_cell(*place, 0) == west]


@pytest.mark.parametrize(
    "path", ["observations", "observations/count", "sources", "sources/x", "dead-letters", "lineage/x"]
)
async def test_every_route_asks_for_the_key_and_the_role(fabric: Fabric, path: str) -> None:
    assert (await fabric.ask(f"/v1/{path}", key=None))[0] == 401
    assert (await fabric.ask(f"/v1/{path}", key="wrong-key-wrong-key-wrong"))[0] == 401
    assert (await fabric.ask(f"/v1/{path}", **{"X-Summit-Principal": DEVICE}))[0] == 403
    assert (await fabric.ask(f"/v1/{path}", **{"X-Summit-Principal": VIEWER}))[0] in {200, 404}


async def write_a_story(fabric: Fabric, first: str, later: str) -> str:
    """Two observations, a fire, an incident, a task and its approval; returns the id of the fire's first event."""
    for identifier in (first, later):
        await fabric.send("observations.measurement", good("cam-1", id=identifier))
    now = datetime.now(UTC)
    writer = WorldWriter(fabric.bus, "test")
    fire = Entity(
        id="fire-1", kind="hazard", owner="fusion", observed_at=now, heard_at=now, updated_at=now, label="Fire"
    )
    event_id = new_id()
    await writer.put("entities", "fire-1", fire, at=now, causes=(first,), event_id=event_id)
    await writer.put("entities", "fire-1", fire, at=now, causes=(later,))
    incident = Incident(
        id="inc-1",
        title="Smoke",
        class_="fire",
        state=IncidentState.SUSPECTED,
        severity=Severity.SEVERE,
        opened_at=now,
        updated_at=now,
        causes=("fire-1",),
    )
    await writer.put("incidents", "inc-1", incident, at=now, causes=("fire-1",))
    plan = Plan(waypoints=(), distance_m=1, duration_s=1, arrive_s=1, reserve=0.5)
    task = Task(
        id="task-1",
        kind="investigate",
        title="Look",
        state=TaskState.APPROVED,
        asset="d1",
        plan=plan,
        plan_hash="h",
        risk="low",
        proposed_at=now,
        updated_at=now,
        approvals=("app-1",),
        causes=("inc-1",),
    )
    await writer.put("tasks", "task-1", task, at=now, causes=("inc-1",))
    approval = Approval(
        id="app-1", task="task-1", decision=Decision.APPROVE, by="Ann", role=Role.COMMANDER, plan_hash="h", at=now
    )
    await writer.put("approvals", "app-1", approval, at=now, causes=("task-1",))
    return event_id


async def test_lineage_leads_from_a_task_to_the_observations_and_forgets_no_first_cause(fabric: Fabric) -> None:
    first, later = new_id(), new_id()
    event_id = await write_a_story(fabric, first, later)

    async def complete() -> dict[str, object] | None:
        found = await fabric.get("/v1/lineage/task-1")
        types = [node["type"] for node in found["nodes"]]
        return found if types.count("observation") == 2 and "approval" in types else None

    lineage = msgspec.convert(await eventually(complete), dict)
    edges = {(edge["from"], edge["to"]) for edge in lineage["edges"]}
    assert {
        ("task-1", "app-1"),
        ("task-1", "inc-1"),
        ("inc-1", "fire-1"),
        ("fire-1", first),
        ("fire-1", later),
    } <= edges
    nodes = {node["id"]: node for node in lineage["nodes"]}
    assert (nodes["app-1"]["title"], nodes["fire-1"]["title"], nodes[first]["source"]) == (
        "approve by Ann",
        "Fire",
        "cam-1",
    )
    assert (await fabric.get(f"/v1/lineage/{event_id}"))["id"] == "fire-1"
    assert (await fabric.get(f"/v1/lineage/{first}"))["edges"] == []
