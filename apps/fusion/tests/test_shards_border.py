"""Borders between shards: each track is shown by exactly one, whatever is delayed, repeated or lost on the way."""

from random import Random

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.geo import wrap_longitude
from summit_fusion.jipda.layout import Floats
from summit_fusion.shards import GeoScan, Ghosts, HandOver, MemoryOwnership, Shard
from summit_fusion.shards.chart import Chart

START = 1_700_000_000.0
CLUTTER = 1e-8


def meridian_border(lat: float, lon: float) -> tuple[float, float]:
    """A place on the next border of cells to the east."""
    here = h3.latlng_to_cell(lat, lon, 4)
    while h3.latlng_to_cell(lat, lon, 4) == here:
        lon += 0.002
    return lat, wrap_longitude(lon)


def halves(chart: Chart) -> tuple[frozenset[int], frozenset[int]]:
    """The cells around the centre of a chart, west and east of it."""
    disk = h3.grid_disk(h3.latlng_to_cell(chart.lat, wrap_longitude(chart.lon - 0.01), 4), 2)
    west = {cell for cell in disk if wrap_longitude(h3.cell_to_latlng(cell)[1] - chart.lon) < 0.0}
    return frozenset(west), frozenset(disk) - west


def crossing(chart: Chart, seconds: int, targets: int = 4, speed: float = 150.0) -> list[GeoScan]:
    """Targets that fly east over the border, all seen each second."""
    random, scans = np.random.default_rng(1), []
    place = np.stack([np.full(targets, -4200.0), 800.0 * np.arange(targets)], 1)
    for second in range(seconds):
        z = place + np.array([speed * second, 0.0]) + random.normal(0, 8.0, (targets, 2))
        scans.append(scan(chart, second, z, targets * second + np.arange(targets)))
    return scans


def scan(chart: Chart, second: float, z: Floats, keys: Floats) -> GeoScan:
    lat, lon = chart.places(np.asarray(z, float))
    noise = np.tile([64.0, 0.0, 64.0], (len(lat), 1))
    return GeoScan.of(START + second, "adsb", lat, lon, noise, np.asarray(keys, np.int64), clutter=CLUTTER)[0]


def shown(shards: list[Shard], second: float) -> list[str]:
    return [name for shard in shards for name in shard.estimates(START + second).id]


@pytest.mark.parametrize("place", [(45.0, 5.0), (-10.0, 179.7), (86.0, -60.0)])
def test_tracks_cross_from_shard_to_shard(place: tuple[float, float]) -> None:
    """The same ids as in one shard's picture of its own, none lost, none double, the same states."""
    chart, registry = Chart.at(*meridian_border(*place)), MemoryOwnership()
    west, east = (Shard(n, c, ownership=registry) for n, c in zip(("west", "east"), halves(chart), strict=True))
    one, handed = Shard("west"), 0
    for second, each in enumerate(crossing(chart, 60)):
        for shard in (west, east, one):
            shard.take(each)
        west.show_ghosts(east.ghosts_for(west.cells or set()))
        east.show_ghosts(west.ghosts_for(east.cells or set()))
        handed += sum(east.accept(offer) for offer in west.leaving())
        assert sorted(shown([west, east], second)) == sorted(shown([one], second))
    assert handed >= 3
    over, expected = east.estimates(START + 60), one.estimates(START + 60)
    assert len(over) == handed
    same = [expected.id.index(name) for name in over.id]
    np.testing.assert_allclose(over.lat, expected.lat[same], atol=1e-6)
    np.testing.assert_allclose(over.velocity, expected.velocity[same], atol=0.05)
    assert west.leaving() == []
    assert all(owner == (1, "east") for owner in registry.table.values())


def test_without_ghosts_a_track_would_be_doubled() -> None:
    """The test of the test: what suppresses the second track is that the neighbour is told of the first one."""
    chart = Chart.at(*meridian_border(45.0, 5.0))
    west, east = (Shard(n, c) for n, c in zip(("west", "east"), halves(chart), strict=True))
    for each in crossing(chart, 50):
        west.take(each)
        east.take(each)
    assert len(shown([west, east], 50)) > 4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([(45.0, 5.0), (-10.0, 179.9), (87.0, 40.0)]))
def test_any_deal_of_cells_gives_each_detection_one_shard(seed: int, place: tuple[float, float]) -> None:
    """Detections around a corner of cells that were dealt out to three shards, in pieces of any size and order."""
    chart, random = Chart.at(*place), np.random.default_rng(seed)
    disk = sorted(h3.grid_disk(h3.latlng_to_cell(*place, 4), 3))
    deal = random.integers(0, 3, len(disk))
    shards = [Shard(str(k), {cell for cell, to in zip(disk, deal, strict=True) if to == k}) for k in range(3)]
    whole = scan(chart, 0, random.uniform(-40e3, 40e3, (60, 2)), random.permutation(60))
    used, halo = 0, 0
    for rows in np.split(random.permutation(60), np.sort(random.integers(0, 60, 3))):
        for shard in shards:
            taken = shard.take(whole.rows(rows))
            assert taken.used + taken.halo + taken.elsewhere == len(rows)
            used, halo = used + taken.used, halo + taken.halo
    assert used == 60
    for shard in shards:
        shard.settle()
    begun = [int(n) for s in shards for r in s.regions.values() for n in r.tracks.origin[: r.tracks.count]]
    assert sorted(begun) == list(range(60))


class World:
    """Two shards and the post between them, which may deliver late, twice, in any order or not at all."""

    def __init__(self, chart: Chart, random: Random) -> None:
        self.registry, self.random = MemoryOwnership(), random
        west, east = halves(chart)
        self.shards = [Shard("west", west, ownership=self.registry), Shard("east", east, ownership=self.registry)]
        self.post: list[tuple[Shard, list[Ghosts], list[HandOver]]] = []

    def tell(self, sender: int) -> None:
        one, other = self.shards[sender], self.shards[1 - sender]
        self.post.append((other, one.ghosts_for(other.cells or set()), one.leaving()))

    def deliver(self) -> None:
        if self.post:
            k = self.random.randrange(len(self.post))
            receiver, ghosts, offers = self.post[k] if self.random.random() < 0.3 else self.post.pop(k)
            receiver.show_ghosts(ghosts)
            for offer in offers:
                receiver.accept(offer)
        if self.post and self.random.random() < 0.1:
            self.post.pop(self.random.randrange(len(self.post)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_interleaving_makes_two_owners_or_none(seed: int) -> None:
    """Both tell each other every second, with everything that may happen to a message; half a second of extra lag."""
    chart, random = Chart.at(*meridian_border(45.0, 5.0)), Random(seed)
    world, ever = World(chart, random), set[str]()
    lagging: list[GeoScan] = []
    for second, each in enumerate(crossing(chart, 50, targets=2)):
        world.shards[0].take(each)
        lagging.append(each)
        while lagging and random.random() < 0.8:
            world.shards[1].take(lagging.pop(0))
        for sender in random.sample((0, 1), 2):
            world.tell(sender)
            while random.random() < 0.6:
                world.deliver()
        seen = shown(world.shards, second)
        assert len(set(seen)) == len(seen)
        assert ever <= set(seen)
        ever |= set(seen) if second < 10 else set()
        for name, (_, owner) in world.registry.table.items():
            assert name in next(s for s in world.shards if s.name == owner).estimates(START + second).id
    assert len(ever) == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=30))
def test_of_several_claimants_one_wins(claims: list[tuple[str, int]]) -> None:
    registry, winners = MemoryOwnership(), dict[int, str]()
    for owner, epoch in claims:
        won = registry.claim("track", epoch, owner)
        held = registry.owner("track")
        if won:
            assert winners.setdefault(epoch, owner) == owner
            assert held == (epoch + 1, owner)
    held = registry.owner("track")
    assert (held[0] if held else 0) == len(winners)


def test_a_shard_accepts_only_what_is_its_own() -> None:
    chart, registry = Chart.at(*meridian_border(45.0, 5.0)), MemoryOwnership()
    west, east = (Shard(n, c, ownership=registry) for n, c in zip(("west", "east"), halves(chart), strict=True))
    late = Shard("east", east.cells, ownership=registry)
    for each in crossing(chart, 45):
        west.take(each)
    offers = west.leaving()
    assert offers
    assert not west.accept(offers[0])
    assert not late.accept(offers[0])  # has taken nothing yet
    for each in crossing(chart, 45):
        east.take(each)
    assert east.accept(offers[0])
    assert east.accept(offers[0])  # an answer that was lost
    assert offers[0].id in east.estimates(START + 45).id
    assert offers[0].id not in west.estimates(START + 45).id
    assert {offer.id for offer in west.leaving()} == {offer.id for offer in offers[1:]}


def test_a_hand_over_outlives_a_restart_of_both() -> None:
    chart, registry = Chart.at(*meridian_border(45.0, 5.0)), MemoryOwnership()
    shards = [Shard(n, c, ownership=registry) for n, c in zip(("west", "east"), halves(chart), strict=True)]
    for second, each in enumerate(crossing(chart, 60)):
        for shard in shards:
            shard.take(each)
        west, east = shards
        east.show_ghosts(west.ghosts_for(east.cells or set()))
        for offer in west.leaving():
            east.accept(offer)
        if second % 9 == 4:
            shards = [Shard.restore(shard.state(), registry) for shard in shards]
        assert len(shown(shards, second)) == len(set(shown(shards, second)))
    assert len(shards[1].estimates(START + 60)) == 4


def test_a_pin_goes_with_the_track() -> None:
    chart, registry = Chart.at(*meridian_border(45.0, 5.0)), MemoryOwnership()
    west, east = (Shard(n, c, ownership=registry) for n, c in zip(("west", "east"), halves(chart), strict=True))
    scans = crossing(chart, 60)
    for each in scans[:10]:
        west.take(each)
    pinned = west.estimates(START + 10).id[0]
    assert west.pin(pinned)
    for each in scans:
        east.take(each)
        if each.time >= START + 10:
            west.take(each)
            for offer in west.leaving():
                east.accept(offer)
    none = np.empty(0)
    for k in range(10):
        east.take(GeoScan.of(START + 61 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8)[0])
    assert pinned in east.estimates(START + 71).id
