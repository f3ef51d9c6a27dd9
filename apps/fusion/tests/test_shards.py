"""Shards: one picture wherever the borders are, whatever comes late, and whoever is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import h3.api.basic_int as h3
import numpy as np
import pytest
from summit_fusion.jipda import Detections, Estimate, LateTracker
from summit_fusion.jipda.layout import Floats
from summit_fusion.shards import GeoEstimate, GeoScan, Shard
from summit_fusion.shards.chart import Chart

START = 1_700_000_000.0
SENSORS = (("adsb", 1.0, 0.0, 10.0), ("radar", 2.0, 0.37, 20.0))
CLUTTER = 1e-8


def border(lat: float, lon: float, resolution: int) -> tuple[float, float]:
    """The next border to the east between cells of resolution 4, or between what is made up of these."""

    def whose(lon: float) -> int:
        return int(h3.cell_to_parent(h3.latlng_to_cell(lat, lon, 4), resolution))

    here = whose(lon)
    while whose(lon) == here:
        lon += 0.002
    return lat, (lon + 180.0) % 360.0 - 180.0


def scene(chart: Chart, seconds: int, targets: int = 12, seed: int = 0, speed: float = 60.0) -> list[GeoScan]:
    """Targets around the centre of the chart that cross each other, with misses and false detections."""
    random, scans, key = np.random.default_rng(seed), [], 0
    place, velocity = random.uniform(-1500, 1500, (targets, 2)), random.normal(0, speed, (targets, 2))
    times = sorted((o + k * p, name, sigma) for name, p, o, sigma in SENSORS for k in range(int(seconds / p)))
    for at, sensor, sigma in times:
        seen = (place + at * velocity)[random.random(targets) < 0.95]
        z = np.concatenate([seen + random.normal(0, sigma, seen.shape), random.uniform(-3e3, 3e3, (2, 2))])
        lat, lon = chart.places(z)
        keys = key + random.permutation(len(z))
        key += len(z)
        scans.append(scan(START + at, sensor, lat, lon, sigma, keys))
    return scans


def scan(at: float, sensor: str, lat: Floats, lon: Floats, sigma: float, keys: Floats) -> GeoScan:
    noise = np.tile([sigma**2, 0.0, sigma**2], (len(lat), 1))
    return GeoScan.of(at, sensor, lat, lon, noise, np.asarray(keys, np.int64), clutter=CLUTTER)[0]


def run(scans: list[GeoScan], shard: Shard) -> GeoEstimate:
    for one in scans:
        shard.take(one)
    return shard.estimates(scans[-1].time)


def plain(scans: list[GeoScan], chart: Chart) -> Estimate:
    """The bare tracker in one plane."""
    tracker = LateTracker()
    for one in scans:
        z, _ = chart.lay(one.lat, one.lon)
        tracker.take(Detections.of(one.time, z, one.noise, clutter=CLUTTER, sensor=one.sensor, key=one.key)[0])
    return tracker.estimate(scans[-1].time)


def assert_same_picture(shown: GeoEstimate, expected: Estimate, chart: Chart, metres: float = 0.1) -> None:
    assert len(shown) == len(expected.id) > 0
    place, _ = chart.lay(shown.lat, shown.lon)
    off = np.linalg.norm(place[:, None] - expected.mean[None, :, :2], axis=2)
    pairs = off.argmin(1)
    assert len(set(pairs.tolist())) == len(pairs)
    assert off.min(1).max() < metres
    speed = np.linalg.norm(expected.mean[pairs, 2:], axis=1)
    np.testing.assert_allclose(np.linalg.norm(shown.velocity, axis=1), speed, rtol=5e-3, atol=0.2)
    np.testing.assert_allclose(shown.existence, expected.existence[pairs], atol=1e-3)
    assert len(set(shown.id)) == len(shown.id)


PLACES = [
    border(45.0, 5.0, 1), border(0.0, 179.5, 1), border(-36.0, -179.9, 1), (0.0, 180.0), (89.99, 20.0), (-90.0, 0.0),
    border(88.0, 100.0, 1),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_anywhere_on_earth_it_is_the_tracker_of_one_plane(place: tuple[float, float]) -> None:
    """Over borders of regions, the antimeridian and the poles: none lost, none double, the same states."""
    chart, shard = Chart.at(*place), Shard("one")
    scans = scene(chart, 30, seed=4)
    assert_same_picture(run(scans, shard), plain(scans, chart), chart)


def test_tracks_change_their_region_and_keep_their_id() -> None:
    chart, shard = Chart.at(*border(45.0, 5.0, 1)), Shard("one")
    east = [-6000.0 + 150.0 * second for second in range(80)]
    ids: set[str] = set()
    owners = set()
    for second, x in enumerate(east):
        lat, lon = chart.places(np.array([[x, 0.0]]))
        shard.take(scan(START + second, "adsb", lat, lon, 10.0, np.array([second])))
        shown = shard.estimates(START + second)
        ids |= set(shown.id)
        assert len(shown) == (1 if second > 3 else len(shown))
        owners |= {zone for zone, region in shard.regions.items() if region.owned()}
    assert len(ids) == 1
    assert len(owners) == 2
    assert shard.changed() == list(ids)
    assert shard.changed() == []


def test_late_data_over_a_border_give_the_picture_of_the_same_data_in_order() -> None:
    chart = Chart.at(*border(45.0, 5.0, 1))
    scans, random = scene(chart, 20, seed=5), np.random.default_rng(1)
    arriving = []
    for one in scans[:-4]:
        late = random.random(len(one)) < 0.15
        arriving.append((one.time, one.rows(np.flatnonzero(~late))))
        arriving += [(one.time + random.uniform(0.3, 3.0), one.rows(np.array([k]))) for k in np.flatnonzero(late)]
    arriving += [(one.time, one) for one in scans[-4:]]
    pieces = [piece for _, piece in sorted(arriving, key=lambda entry: entry[0])]
    shard = Shard("one")
    shown = run(pieces, shard)
    assert shard.repeated > 0
    assert shard.too_late == 0
    assert_same_picture(shown, plain(scans, chart), chart)


def test_what_is_too_late_is_counted() -> None:
    chart, shard = Chart.at(45.0, 5.0), Shard("one")
    scans = scene(chart, 12)
    for one in scans:
        shard.take(one)
    assert shard.take(scans[0]).late == len(scans[0])
    assert shard.too_late == len(scans[0])


def test_looking_changes_nothing() -> None:
    chart, looked, other = Chart.at(45.0, 5.0), Shard("one"), Shard("one")
    for one in scene(chart, 10):
        looked.take(one)
        other.take(one)
        looked.estimates(one.time)
        looked.explain(looked.estimates(one.time + 1.0).id[0] if len(looked.estimates(one.time)) else "0" * 26)
    assert looked.state() == other.state()


def test_a_shard_takes_what_is_its_own_and_counts_the_rest() -> None:
    place = border(45.0, 5.0, 4)
    chart, cell = Chart.at(*place), h3.latlng_to_cell(place[0], place[1] - 0.01, 4)
    lat, lon = chart.places(np.array([[-9000.0, 0.0], [5000.0, 0.0], [60_000.0, 0.0]]))
    taken = Shard("west", {cell}).take(scan(START, "adsb", lat, lon, 10.0, np.arange(3)))
    assert (taken.used, taken.halo, taken.elsewhere, taken.late) == (1, 1, 1, 0)


def test_nonsense_is_refused_and_counted() -> None:
    lat = np.array([45.0, np.nan, 91.0, 45.0, 45.0, 45.0, 45.0, 45.0])
    lon = np.array([5.0, 5.0, 5.0, np.inf, 5.0, 5.0, 5.0, 365.0])
    noise = np.tile([100.0, 0.0, 100.0], (8, 1))
    noise[4], noise[5] = [0.0, 0.0, 0.0], [100.0, 200.0, 100.0]
    good, refused = GeoScan.of(START, "a", lat, lon, noise, np.array([0, 1, 2, 3, 4, 5, -6, 7]), clutter=1e-8)
    assert (len(good), refused) == (1, 7)
    with pytest.raises(ValueError, match="clutter"):
        GeoScan.of(START, "a", lat, lon, noise, np.arange(8), clutter=0.0)
    with pytest.raises(ValueError, match="1970"):
        Shard("one").take(GeoScan.of(-5.0, "a", lat, lon, noise, np.arange(8), clutter=1e-8)[0])


def test_absence_is_evidence_everywhere() -> None:
    """An empty scan lowers the existence of what it should have seen, and of nothing outside its field of view."""
    chart, shard = Chart.at(45.0, 5.0), Shard("one")
    run(scene(chart, 10), shard)
    none, before = np.empty(0), shard.estimates(START + 10)
    for k in range(3):
        seen = GeoScan.of(
            START + 10 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8, view=(47.0, 5.0, 1e4)
        )[0]  # fmt: skip
        shard.take(seen)
    away = shard.estimates(START + 12)
    assert len(away) == len(before)
    for k in range(3):
        shard.take(GeoScan.of(START + 13 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8)[0])
    assert len(shard.estimates(START + 16)) < len(before)


def test_a_track_is_explained_by_its_detections() -> None:
    chart, shard = Chart.at(45.0, 5.0), Shard("one")
    scans = scene(chart, 12)
    shown = run(scans, shard)
    told = shard.explain(shown.id[0])
    assert told is not None
    known = {int(key): (one.sensor, one.time) for one in scans for key in one.key}
    assert len(told.key) > 5
    assert all(known[int(k)] == (s, t) for k, s, t in zip(told.key, told.sensor, told.at, strict=True))
    assert (np.diff(told.at) <= 0).all()
    assert told.share.max() > 0.9
    assert Shard("two").explain(shown.id[0]) is None


def test_an_ended_track_is_told_once() -> None:
    chart, shard = Chart.at(45.0, 5.0), Shard("one")
    run(scene(chart, 10), shard)
    known = shard.changed()
    none = np.empty(0)
    gone: list[str] = []
    for k in range(20):
        shard.take(GeoScan.of(START + 10 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8)[0])
        gone += shard.ended()
    assert sorted(gone) == sorted(known)


def two_apart(shard: Shard, since: int, until: int) -> None:
    chart = Chart.at(45.0, 5.0)
    for second in range(since, until):
        lat, lon = chart.places(np.array([[10.0 * second, 0.0], [10.0 * second, 400.0]]))
        shard.take(scan(START + second, "adsb", lat, lon, 10.0, 2 * second + np.arange(2)))


def test_an_operator_merges_two_tracks() -> None:
    shard = Shard("one")
    two_apart(shard, 0, 10)
    into, gone = shard.estimates(START + 9).id
    assert shard.changed()
    assert shard.merge(into, gone)
    assert shard.estimates(START + 9).id == [into]
    assert shard.aliases() == {gone: into}
    told = shard.explain(gone)
    assert told is not None
    assert told.id == into
    assert not shard.merge(into, gone)
    assert not shard.merge(into, "0" * 26)


def lone(shard: Shard, since: int, until: int) -> list[str]:
    chart = Chart.at(45.0, 5.0)
    for second in range(since, until):
        lat, lon = chart.places(np.array([[20.0 * second, 0.0]]))
        shard.take(scan(START + second, "adsb", lat, lon, 10.0, np.array([second])))
    return shard.estimates(START + until - 1).id


def test_two_tracks_of_one_target_become_one() -> None:
    shard = Shard("one")
    (old,) = lone(shard, 0, 10)
    region = next(iter(shard.regions.values()))
    ((rank, twin),) = region.tracker.past(region.tracks.id[:1].copy())
    twin.id[0], twin.born[0], twin.origin[0] = twin.id[0] + 77, START + 3.0, 999
    twin.seen_at[0] -= 1.0
    region.tracker.adopt([(rank, twin)])
    assert len(lone(shard, 10, 11)) == 2
    shard = Shard.restore(shard.state())
    assert lone(shard, 11, 20) == [old]
    assert list(shard.aliases().values()) == [old]


def test_an_operator_splits_a_track() -> None:
    """What was detected last is something else: it goes on under a new id, and nothing is doubled by late data."""
    shard = Shard("one")
    two_apart(shard, 0, 10)
    track = shard.estimates(START + 9).id[0]
    told = shard.explain(track)
    assert told is not None
    fresh = shard.split(track, told.key[:2])
    assert fresh is not None
    assert fresh != track
    two_apart(shard, 10, 14)
    shown = shard.estimates(START + 13).id
    assert fresh in shown
    assert len(set(shown)) == len(shown)
    assert shard.split(fresh, np.array([10_000])) is None
    assert shard.split("0" * 26, told.key) is None


def test_a_pinned_track_stays() -> None:
    shard = Shard("one")
    two_apart(shard, 0, 10)
    pinned, other = shard.estimates(START + 9).id
    assert shard.pin(pinned)
    none = np.empty(0)
    for k in range(30):
        shard.take(GeoScan.of(START + 10 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8)[0])
    assert shard.estimates(START + 40).id == [pinned]
    assert not shard.pin(other)
    again = Shard.restore(shard.state())
    assert again.pin(pinned, False)
    for k in range(30):
        again.take(GeoScan.of(START + 41 + k, "eo", none, none, none.reshape(0, 3), none, clutter=1e-8)[0])
    assert len(again.estimates(START + 71)) == 0


def test_a_damaged_state_is_refused() -> None:
    shard = Shard("one")
    two_apart(shard, 0, 4)
    data = bytearray(shard.state())
    assert Shard.restore(bytes(data)).estimates(START + 4).id == shard.estimates(START + 4).id
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        Shard.restore(bytes(data))
    with pytest.raises(ValueError, match="version"):
        Shard.restore(b"SHRD\x02" + bytes(data[5:]))


def all_that_is_shown(shard: Shard, at: float) -> bytes:
    shown = shard.estimates(at)
    columns = [getattr(shown, name).tobytes() for name in ("lat", "lon", "velocity", "cov", "existence", "hits")]
    return b"".join([*columns, "".join(shown.id).encode()])


def pieces_of(seed: int) -> list[GeoScan]:
    """Scans over a border of regions, parts of them late: the log of a service."""
    scans, random = scene(Chart.at(*border(45.0, 5.0, 1)), 16, seed=seed), np.random.default_rng(seed)
    arriving = []
    for one in scans:
        late = random.random(len(one)) < 0.2
        arriving.append((one.time, one.rows(np.flatnonzero(~late))))
        arriving += [(one.time + random.uniform(0.1, 3.0), one.rows(np.array([k]))) for k in np.flatnonzero(late)]
    return [piece for _, piece in sorted(arriving, key=lambda entry: entry[0])]


def serve(folder: Path, seed: int) -> None:
    """Take everything, keep a checkpoint now and then, say how far it is; it is killed somewhere."""
    shard = Shard("one")
    for k, piece in enumerate(pieces_of(seed)):
        shard.take(piece)
        if k % 7 == 3:
            shard.estimates(piece.time)
            fresh = folder / "new"
            fresh.write_bytes(k.to_bytes(4, "big") + shard.state())
            fresh.rename(folder / "checkpoint")
            sys.stdout.write(f"{k}\n")
            sys.stdout.flush()


@pytest.mark.parametrize("until", [10, 31, 52])
def test_after_kill_9_all_that_follows_is_the_same_to_the_bit(tmp_path: Path, until: int) -> None:
    command = [sys.executable, __file__, str(tmp_path), "6"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= until:
            break
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() != 0
    process.stdout.close()
    saved = (tmp_path / "checkpoint").read_bytes()
    done, restored, undisturbed = int.from_bytes(saved[:4], "big"), Shard.restore(saved[4:]), Shard("one")
    pieces = pieces_of(6)
    assert len(pieces) > done >= until
    for piece in pieces[: done + 1]:
        undisturbed.take(piece)
    for piece in pieces[done + 1 :]:
        undisturbed.take(piece)
        restored.take(piece)
        assert all_that_is_shown(restored, piece.time) == all_that_is_shown(undisturbed, piece.time)
    assert restored.state() == undisturbed.state()
    assert len(restored.estimates(pieces[-1].time)) > 8


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
