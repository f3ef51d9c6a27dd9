"""Fabric killed under load (SIGKILL): each crossing once, in order."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from summit_core import wire
from summit_core.bus import Bus, WorldWriter
from summit_core.bus.streams import WORLD
from summit_core.geo import LocalFrame
from summit_core.model import Entity, Location, Presence, WorldEvent, Zone
from summit_fabric.zones.worker import WATCHER
from waiting import eventually

CENTRE = LocalFrame(39.0, -121.0)
TRACKS, LAPS = 12, 8
PATH = (900.0, 450.0, 0.0, -450.0, -900.0)


async def walk(bus: Bus) -> None:
    """Tracks that go through the zone and back, some hundred versions a second."""
    writer, start = WorldWriter(bus, "fusion"), datetime.now(UTC)
    for lap in range(LAPS):
        for step, east in enumerate(PATH if lap % 2 == 0 else PATH[::-1]):
            at = start + timedelta(seconds=lap * len(PATH) + step)
            lat, lon = CENTRE.to_geodetic(east, 0.0)
            for number in range(TRACKS):
                track = Entity(
                    id=f"t{number}",
                    kind="track",
                    owner="fusion",
                    observed_at=at,
                    heard_at=at,
                    updated_at=at,
                    location=Location(lat=lat, lon=lon, cov_m2=((25.0, 0.0), (0.0, 25.0))),
                )
                await writer.put("entities", track.id, track, at=at)
            await asyncio.sleep(0.1)


async def presences(bus: Bus) -> dict[str, list[Presence]]:
    """Every version that stands in the stream, by entity."""
    info = await bus.jetstream.stream_info(WORLD)
    found: dict[str, list[Presence]] = {}
    for seq in range(1, info.state.last_seq + 1):
        message = await bus.jetstream.get_msg(WORLD, seq, direct=True)
        if (message.subject or "").startswith("world.presences."):
            one = msgspec.json.decode(msgspec.json.decode(message.data or b"", type=WorldEvent).body, type=Presence)
            found.setdefault(one.entity, []).append(one)
    return found


async def test_fabric_is_killed_and_each_crossing_is_there_once(
    nats_url: str, database_url: str, service_process: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUMMIT_DATABASE_URL", database_url)
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    now = datetime.now(UTC)
    circle = {"lat": CENTRE.lat, "lon": CENTRE.lon, "radius_m": 500.0}
    stated = {"id": "z1", "name": "z1", "rule": "exclusion", "created_at": now, "updated_at": now, "circle": circle}
    await WorldWriter(bus, "fabric").put("zones", "z1", wire.decode(wire.encode(stated), Zone), at=now)
    fabric = service_process("summit_fabric")
    await fabric.start()
    walking = asyncio.create_task(walk(bus))
    kills = 0
    while not walking.done():
        await asyncio.sleep(0.6)
        await fabric.kill()
        kills += 1
        await fabric.start()
    await walking

    async def has_caught_up() -> bool:
        info = await bus.jetstream.consumer_info(WORLD, WATCHER)
        return not info.num_pending and not info.num_ack_pending

    await eventually(has_caught_up)
    found = await presences(bus)
    assert kills >= 2
    assert len(found) == TRACKS
    for said in found.values():
        assert [one.event for one in said] == ["enter", "exit"] * LAPS
        assert [one.at for one in said] == sorted({one.at for one in said})
    await bus.close()
