"""Compaction of the world stream: room is made, nothing that is present is lost, whoever writes and whatever dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from bus_harness import NOW, all_acknowledged, connected, running
from bus_harness import entity as labelled
from nats.js.errors import NotFoundError
from summit_core.bus import Bus, Delivery, Mirror, Put, WorldWriter, compaction, consume
from summit_core.bus.compaction import compact
from summit_core.bus.streams import WORLD
from summit_core.bus.world import COPY_OF
from summit_core.errors import ConflictError, UnavailableError
from summit_core.model import Entity
from summit_core.observability.health import HealthMonitor

READER = "fabric-world"
LIMIT = 1_000_000


def entity(identifier: str, label: str = "x" * 150) -> Entity:
    return labelled(identifier, label)


@asynccontextmanager
async def small_world(url: str) -> AsyncIterator[Bus]:
    async with connected(url) as bus:
        config = (await bus.jetstream.stream_info(WORLD)).config
        await bus.jetstream.update_stream(replace(config, max_bytes=LIMIT))
        yield bus


async def record(bus: Bus) -> None:
    """Let the recorder acknowledge everything that is there."""
    health, last = HealthMonitor(), (await bus.jetstream.stream_info(WORLD)).state.last_seq
    done = asyncio.Event()

    async def handler(deliveries: list[Delivery]) -> None:
        if deliveries[-1].seq >= last:
            done.set()

    async with running(READER, lambda: consume(bus, WORLD, READER, handler, health), health), asyncio.timeout(20):
        await done.wait()
        await all_acknowledged(bus, WORLD, READER)


async def present(bus: Bus) -> dict[str, str]:
    """The label of each entity, as somebody sees it who starts now."""
    health = HealthMonitor()
    mirror = Mirror(bus, health)
    async with running("mirror", mirror.run, health), asyncio.timeout(20):
        await mirror.ready.wait()
    return {one.id: one.label or "" for one in mirror.all("entities", Entity)}


def puts(count: int, label: str = "x" * 150) -> list[Put]:
    return [Put(type="entities", key=f"e{n}", body=entity(f"e{n}", label), at=NOW) for n in range(count)]


async def fill(bus: Bus, writer: WorldWriter, until: float) -> None:
    """Traffic, until the stream is that full."""
    while (await bus.jetstream.stream_info(WORLD)).state.bytes < until * LIMIT:
        await writer.put_many(puts(20))


async def test_traffic_for_ever_pushes_nothing_out_that_is_present(nats_url: str) -> None:
    async with small_world(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        await writer.put("entities", "first", entity("first", "stays"), at=NOW)
        await writer.put("entities", "gone", entity("gone"), at=NOW)
        await writer.leave("entities", "gone", at=NOW)
        for _ in range(5):
            await fill(bus, writer, 0.7)
            await record(bus)
            await compact(bus, WORLD, READER)
            assert (await bus.jetstream.stream_info(WORLD)).state.bytes < 0.5 * LIMIT
        found = await present(bus)
        assert found.pop("first") == "stays"
        assert sorted(found) == sorted(f"e{n}" for n in range(20))
        last = await bus.jetstream.get_last_msg(WORLD, "world.entities.gone")
        assert b'"delete"' in (last.data or b""), "who was away must still hear that it left"


async def test_only_what_is_recorded_makes_way(nats_url: str) -> None:
    async with small_world(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        await fill(bus, writer, 0.6)
        await compact(bus, WORLD, READER)
        assert (await bus.jetstream.stream_info(WORLD)).state.first_seq == 1
        await record(bus)
        await compact(bus, WORLD, READER)
        assert (await bus.jetstream.stream_info(WORLD)).state.first_seq > 1


async def test_a_full_stream_gets_room_again_and_keeps_its_limit(nats_url: str) -> None:
    """Also while nobody records: the present goes before the past."""
    async with small_world(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        await writer.put("entities", "first", entity("first", "stays"), at=NOW)
        with pytest.raises(UnavailableError):
            await fill(bus, writer, 1.1)
        before = await present(bus)
        await compact(bus, WORLD, READER)
        info = await bus.jetstream.stream_info(WORLD)
        assert info.config.max_bytes == LIMIT
        assert info.state.bytes < 0.7 * LIMIT
        assert await present(bus) == before
        last = await bus.jetstream.get_last_msg(WORLD, "world.entities.first")
        assert COPY_OF not in (last.headers or {}), "the recorder must not pass over what it has not recorded"
        await writer.put_many(puts(20, "again"))


async def test_killed_between_copy_and_purge_nothing_is_lost(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with small_world(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        await writer.put("entities", "first", entity("first", "stays"), at=NOW)
        await fill(bus, writer, 0.6)
        await record(bus)
        before = await present(bus)

        async def killed(*_: object, **__: object) -> None:
            raise UnavailableError("killed")

        with monkeypatch.context() as patched:
            patched.setattr(bus.jetstream, "purge_stream", killed)
            with pytest.raises(UnavailableError, match="killed"):
                await compact(bus, WORLD, READER)
        assert await present(bus) == before
        await record(bus)
        await compact(bus, WORLD, READER)
        assert await present(bus) == before
        assert (await bus.jetstream.stream_info(WORLD)).state.first_seq > 1


@pytest.mark.timeout(60)
async def test_writers_meanwhile_win_and_see_no_conflict(nats_url: str) -> None:
    """Each writer replaces its object under the version that it knows, as owners do; compaction is nobody's business.
    A real conflict is still one."""
    async with small_world(nats_url) as bus:
        writer, written, stop = WorldWriter(bus, "test"), dict[str, str](), asyncio.Event()
        await writer.put_many(puts(300, "idle"))
        await fill(bus, writer, 0.6)
        known = (await writer.put("entities", "owned", entity("owned", "idle"), at=NOW)).seq

        async def write(key: str) -> None:
            version, number = 0, 0
            while not stop.is_set():
                label, number = f"{key} {number}", number + 1
                version = (await writer.put("entities", key, entity(key, label), at=NOW, expected=version)).seq
                written[key] = label
                await asyncio.sleep(0.005)

        writers = [asyncio.create_task(write(f"w{n}")) for n in range(5)]
        for _ in range(3):
            await fill(bus, writer, 0.6)
            await record(bus)
            await compact(bus, WORLD, READER)
        stop.set()
        await asyncio.gather(*writers)
        found = await present(bus)
        assert {key: found[key] for key in written} == written
        assert {f"e{n}" for n in range(300)} <= set(found)
        moved = (await bus.jetstream.get_last_msg(WORLD, "world.entities.owned")).seq
        assert moved != known
        newer = (await writer.put("entities", "owned", entity("owned", "mine"), at=NOW, expected=known)).seq
        with pytest.raises(ConflictError):
            await writer.put("entities", "owned", entity("owned", "overtaken"), at=NOW, expected=moved)
        assert (await writer.put("entities", "owned", entity("owned"), at=NOW, expected=newer)).seq > newer


async def test_what_has_left_stays_away_and_its_mark_goes_with_it(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "LEFT_KEPT", timedelta(0))
    async with small_world(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        await writer.put_many(puts(3))
        await writer.leave("entities", "e0", at=NOW)
        left = await bus.jetstream.get_last_msg(WORLD, "world.entities.e0")
        assert "Nats-TTL" not in (left.headers or {}), "a mark that ran out would bring the object back"
        await writer.put_many([replaced for _ in range(1200) for replaced in puts(20)[10:11]])
        await record(bus)
        await compact(bus, WORLD, READER)
        assert {"e1", "e2", "e10"} == set(await present(bus))
        with pytest.raises(NotFoundError):
            await bus.jetstream.get_last_msg(WORLD, "world.entities.e0")
