"""Ownership of tracks in NATS: of several claimants in several processes exactly one wins, and all learn of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import h3.api.basic_int as h3
import numpy as np
import pytest
from summit_core.bus import Bus
from summit_fusion.ownership import KvOwnership
from summit_fusion.shards import GeoScan, Shard
from waiting import eventually

TRACK = "01HF7YAT000004GHF6AMZH0001"


@pytest.fixture
async def registries(nats_url: str) -> AsyncIterator[list[KvOwnership]]:
    """Two processes' worth of registries, each on connections of its own, following the bucket."""
    buses = [await Bus.connect(nats_url, name=f"fusion-{k}") for k in range(2)]
    opened = [await KvOwnership.open(bus) for bus in buses]
    tasks = [asyncio.create_task(registry.follow()) for registry in opened]
    await asyncio.wait_for(asyncio.gather(*(registry.following.wait() for registry in opened)), 10)
    yield opened
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for bus in buses:
        await bus.close()


async def until_known(registry: KvOwnership, track: str, held: tuple[int, str]) -> None:
    await eventually(lambda: registry.owner(track) == held)


async def test_of_two_claimants_one_wins_and_both_know(registries: list[KvOwnership]) -> None:
    west, east = registries
    assert west.owner(TRACK) is None
    for epoch in range(5):
        won = await asyncio.gather(west.win(TRACK, epoch, "west"), east.win(TRACK, epoch, "east"))
        assert sorted(won) == [False, True]
        owner = ("west", "east")[won.index(True)]
        for registry in registries:
            await until_known(registry, TRACK, (epoch + 1, owner))
        assert west.claim(TRACK, epoch, "west") is won[0]
        assert east.claim(TRACK, epoch, "east") is won[1]


async def test_a_lost_answer_is_won_again_and_an_old_epoch_never(registries: list[KvOwnership]) -> None:
    west, east = registries
    assert await west.win(TRACK, 0, "west")
    assert await west.win(TRACK, 0, "west")
    assert not await east.win(TRACK, 0, "east")
    assert await east.win(TRACK, 1, "east")
    assert not await west.win(TRACK, 0, "west")
    await until_known(west, TRACK, (2, "east"))
    assert not west.claim(TRACK, 0, "west")
    assert east.claim(TRACK, 1, "east")


async def test_two_shards_hand_over_by_way_of_nats(registries: list[KvOwnership]) -> None:
    """What flies over the border is shown by one of them at every moment, and by the other one in the end."""
    lat, border = 45.0, 5.0
    here = h3.latlng_to_cell(lat, border, 4)
    while h3.latlng_to_cell(lat, border, 4) == here:
        border += 0.002
    west, east = Shard("west", {here}, ownership=registries[0]), Shard("east", set(h3.grid_disk(here, 1)) - {here})
    east.ownership = registries[1]
    noise, owners = np.array([[64.0, 0.0, 64.0]]), []
    for second in range(70):
        place = np.array([lat]), np.array([border - 0.06 + 0.0018 * second])
        scan, _ = GeoScan.of(1.7e9 + second, "adsb", *place, noise, np.array([second]), clutter=1e-8)
        west.take(scan)
        east.take(scan)
        east.show_ghosts(west.ghosts_for(east.cells or set()))
        for offer in west.leaving():
            assert await registries[1].win(offer.id, offer.epoch, "east")
            assert east.accept(offer)
            await until_known(registries[0], offer.id, (1, "east"))
        shown = {shard.name: shard.estimates(scan.time).id for shard in (west, east)}
        assert len(shown["west"] + shown["east"]) == (second > 3) or second <= 3
        owners += [name for name, ids in shown.items() if ids]
    assert owners == sorted(owners, reverse=True)
    assert set(owners) == {"west", "east"}


async def test_who_comes_later_reads_what_stands_there(registries: list[KvOwnership], nats_url: str) -> None:
    assert await registries[0].win(TRACK, 0, "west")
    bus = await Bus.connect(nats_url, name="late")
    late = await KvOwnership.open(bus)
    task = asyncio.create_task(late.follow())
    await until_known(late, TRACK, (1, "west"))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await bus.close()
    assert late.owner(TRACK) == (1, "west")
