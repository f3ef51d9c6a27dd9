"""The bus against the real broker: stored means acknowledged, at least once, and the mirror equals the stream."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from bus_harness import NOW, Server, all_acknowledged, connected, entity, running
from nats.js.api import AckPolicy, ConsumerConfig
from summit_core.bus import Bus, Delivery, Mirror, Put, WorldWriter, consume
from summit_core.bus.consumer import MAX_BYTES
from summit_core.bus.room import make_room
from summit_core.bus.streams import INGEST, WORLD
from summit_core.errors import ConflictError, InternalError, UnavailableError
from summit_core.model import Entity, Override
from summit_core.model.override import OverriddenField
from summit_core.observability.health import HealthMonitor
from waiting import eventually


async def test_declaring_the_streams_twice_is_harmless_and_ids_are_stored_once(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        await bus.ensure_streams()
        first = await bus.publish("observations.report", b"{}", msg_id="same")
        assert await bus.publish("observations.report", b"{}", msg_id="same") == first


async def test_a_batch_whose_handler_fails_comes_again(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        health, seen, failures = HealthMonitor(), [], 1

        async def handler(deliveries: list[Delivery]) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise UnavailableError("the database is away")
            seen.extend(delivery.data for delivery in deliveries)

        sent = [str(number).encode() for number in range(1200)]
        await bus.publish_many([("observations.report", data, None) for data in sent])
        async with running("worker", lambda: consume(bus, INGEST, "worker", handler, health), health):
            await eventually(lambda: len(set(seen)) == len(sent))
        assert list(dict.fromkeys(seen)) == sent


async def test_the_mirror_follows_writes_and_leaves_and_a_second_one_starts_equal(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        health, writer = HealthMonitor(), WorldWriter(bus, "test")
        mirror = Mirror(bus, health)
        async with running("mirror", mirror.run, health):
            await mirror.ready.wait()
            for label in ("one", "two"):
                version = (await writer.put("entities", "a", entity("a", label), at=NOW)).seq
            await writer.put("entities", "b", entity("b"), at=NOW)
            await writer.leave("entities", "b", at=NOW)
            await eventually(lambda: mirror.seq == 4)
            assert mirror.get("entities", "a", Entity) == (entity("a", "two"), version)
            assert [e.id for e in mirror.all("entities", Entity)] == ["a"]
        late = Mirror(bus, health)
        async with running("mirror", late.run, health):
            await late.ready.wait()
            assert [e.label for e in late.all("entities", Entity)] == ["two"]


async def test_what_could_not_be_read_again_is_not_written(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        said = Override(id="a", updated_at=NOW, fields={"label": OverriddenField(value=1, by="n" * 10_000, at=NOW)})
        with pytest.raises(InternalError, match="by"):
            await WorldWriter(bus, "test").put("overrides", "a", said, at=NOW)
        assert (await bus.jetstream.stream_info(WORLD)).state.messages == 0


async def test_who_decides_by_a_picture_that_gathers_waits_until_it_is_level(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        health, writer = HealthMonitor(), WorldWriter(bus, "test")
        mirror = Mirror(bus, health, gather_s=0.3)
        async with running("mirror", mirror.run, health):
            await mirror.ready.wait()
            await writer.put("entities", "a", entity("a"), at=NOW)
            await eventually(lambda: mirror.seq == 1)
            for number in range(2):
                last = (await writer.put("entities", "a", entity("a", str(number)), at=NOW)).seq
            assert mirror.seq < last  # it gathers
            await mirror.caught_up()
            assert mirror.seq == last
            await bus.jetstream.purge_stream("WORLD")
            await mirror.caught_up()
        await mirror.caught_up()  # nobody follows: it is what it is


async def test_a_writer_that_was_overtaken_is_told(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        writer = WorldWriter(bus, "test")
        version = (await writer.put("entities", "a", entity("a"), at=NOW, expected=0)).seq
        await writer.put("entities", "a", entity("a", "newer"), at=NOW, expected=version)
        with pytest.raises(ConflictError):
            await writer.put("entities", "a", entity("a", "overtaken"), at=NOW, expected=version)


async def test_many_objects_are_written_in_one_go_and_one_conflict_stops_none_of_the_others(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        writer, health = WorldWriter(bus, "test"), HealthMonitor()
        mirror = Mirror(bus, health)
        puts = [Put(type="entities", key=f"e{n}", body=entity(f"e{n}"), at=NOW, expected=0) for n in range(500)]
        versions = [change.seq for change in await writer.put_many(puts)]
        assert versions == list(range(1, 501))
        with pytest.raises(ConflictError, match=r"world\.entities\.e7"):
            await writer.put_many([puts[7], Put(type="entities", key="new", body=entity("new"), at=NOW)])
        async with running("mirror", mirror.run, health):
            await eventually(lambda: mirror.get("entities", "new", Entity) is not None)
        assert len(mirror.all("entities", Entity)) == 501


async def test_large_messages_come_in_smaller_batches_and_the_largest_comes_too(nats_url: str) -> None:
    """A thousand messages of 256 KiB in memory at once would be an attack that works."""
    async with connected(nats_url) as bus:
        health, sizes, batches = HealthMonitor(), list[int](), list[int]()

        async def handler(deliveries: list[Delivery]) -> None:
            sizes.extend(len(delivery.data) for delivery in deliveries)
            batches.append(sum(len(delivery.data) for delivery in deliveries))

        sent = [2**18] * 300 + [2**24 - 200] + [1] * 100
        await bus.publish_many([("observations.report", bytes(size), None) for size in sent])
        async with running("worker", lambda: consume(bus, INGEST, "worker", handler, health), health):
            await eventually(lambda: len(sizes) == len(sent))
        assert sizes == sent
        assert max(batches) <= 2 * MAX_BYTES


@pytest.mark.timeout(60)
async def test_a_killed_broker_comes_back_and_nothing_acknowledged_is_lost(nats_server: Server, nats_url: str) -> None:
    async with connected(nats_url) as bus:
        health, seen, mirror_health = HealthMonitor(), [], HealthMonitor()
        mirror = Mirror(bus, mirror_health)

        async def handler(deliveries: list[Delivery]) -> None:
            seen.extend(delivery.data for delivery in deliveries)

        async with (
            running("worker", lambda: consume(bus, INGEST, "worker", handler, health), health),
            running("mirror", mirror.run, mirror_health),
        ):
            await bus.publish("observations.report", b"before")
            await eventually(lambda: b"before" in seen)
            nats_server.kill()
            with pytest.raises(UnavailableError):
                await bus.publish("observations.report", b"refused, and the caller knows")
            assert await bus.check() is not None
            await asyncio.to_thread(nats_server.start)
            await eventually(lambda: bus.connection.problem is None)
            await bus.publish("observations.report", b"after")
            await WorldWriter(bus, "test").put("entities", "a", entity("a"), at=NOW)
            await eventually(lambda: b"after" in seen and bool(mirror.all("entities", Entity)))
        assert await bus.check() is None


class Small:
    """A stream that is soon full, and a reader that acknowledges all it is given."""

    def __init__(self, bus: Bus, durable: str) -> None:
        self.bus, self.durable, self.seen = bus, durable, list[int]()

    async def shrink(self) -> None:
        config = (await self.bus.jetstream.stream_info(INGEST)).config
        await self.bus.jetstream.update_stream(replace(config, max_bytes=100_000))

    async def send(self, most: int = 1_000) -> int:
        """So many messages, or as many as there is room for; returns how many that were."""
        sent = 0
        with suppress(UnavailableError):
            while sent < most:
                await self.bus.publish("observations.report", bytes(1_000))
                sent += 1
        return sent

    async def read(self, count: int) -> None:
        async def handler(deliveries: list[Delivery]) -> None:
            self.seen.extend(delivery.seq for delivery in deliveries)

        health = HealthMonitor()
        async with running(self.durable, lambda: consume(self.bus, INGEST, self.durable, handler, health), health):
            await eventually(lambda: len(self.seen) == count)
            await all_acknowledged(self.bus, INGEST, self.durable)

    async def first_kept(self) -> int:
        """After room was made."""
        await make_room(self.bus, INGEST, self.durable)
        return (await self.bus.jetstream.stream_info(INGEST)).state.first_seq


async def test_a_stream_that_refuses_when_full_makes_way_only_for_what_its_reader_has_finished(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        small = Small(bus, "worker")
        await small.shrink()
        filled = await small.send()
        assert await small.first_kept() == 1
        assert await small.send(1) == 0, "full, and nobody has worked on any of it"
        await small.read(filled)
        await small.first_kept()
        again = await small.send()
        assert filled // 2 - 2 <= again <= filled // 2 + 2
        assert await small.first_kept() <= filled + 1, "only the rest of the first filling may go"


async def test_room_is_made_only_behind_every_durable_until_the_stream_is_nearly_full(nats_url: str) -> None:
    """Further shards of fusion read the observations too; nobody names them to the one who makes room."""
    async with connected(nats_url) as bus:
        small = Small(bus, "recorder")
        await small.shrink()
        quiet = ConsumerConfig(durable_name="elsewhere", filter_subjects=["observations.hotspot"])
        slow = ConsumerConfig(durable_name="shard-2", ack_policy=AckPolicy.ALL, filter_subjects=["observations.report"])
        for consumer in (quiet, slow):
            await bus.jetstream.add_consumer(INGEST, consumer)
        await small.read(await small.send(70))
        assert await small.first_kept() == 1, "shard-2 has seen nothing yet"
        subscription = await bus.jetstream.pull_subscribe_bind("shard-2", stream=INGEST)
        for message in await subscription.fetch(20):
            await message.ack_sync()
        assert await small.first_kept() == 21
        await small.read(70 + await small.send())
        assert await small.first_kept() > 21, "nearly full: the one who holds them elsewhere counts alone"
