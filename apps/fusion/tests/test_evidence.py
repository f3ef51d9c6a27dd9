"""Heights, identities and classes beside the position: the columns, late data, and that they help."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, Estimate, JipdaTracker, LateTracker
from summit_fusion.jipda.classes import CLASSES
from summit_fusion.jipda.evidence import Knowledge
from summit_fusion.jipda.identity import hashed
from summit_fusion.jipda.presets import PRESETS, motion_row, motion_table
from summit_fusion.jipda.settings import TrackerSettings

SENSORS = (("adsb", 1.0, 0.0, 10.0), ("radar", 1.0, 0.37, 20.0), ("eo", 2.0, 0.37, 15.0))
CLUTTER = 1e-7


def scene(seed: int, targets: int = 6, seconds: float = 8.0, width: float = 900.0) -> list[Detections]:
    """Targets that cross; a receiver tells identity and height of some, a radar nothing, a camera classes."""
    random, scans, key = np.random.default_rng(seed), [], 0
    begin, kind = random.choice([0.0, 0.0, 3.0], targets), random.integers(0, len(CLASSES), targets)
    place, speed = random.uniform(0, width, (targets, 2)), random.normal(0, 25, (targets, 2))
    up, names = random.uniform(100, 500, targets), np.array([hashed(f"icao:{k:06x}") for k in range(targets)])
    names[0] = 0
    for sensor, period, offset, sigma in SENSORS:
        for time in np.arange(offset, seconds, period):
            seen = np.flatnonzero((begin <= time) & (random.random(targets) < 0.9))
            wrong = random.poisson(2.0)
            z = np.concatenate(
                [(place + speed * time)[seen] + random.normal(0, sigma, (len(seen), 2)),
                 random.uniform(0, width, (wrong, 2))]
            )  # fmt: skip
            if not len(z):
                continue
            noise, keys = np.tile([sigma**2, 0.0, sigma**2], (len(z), 1)), key + random.permutation(len(z))
            key += len(z)
            scan = Detections.of(float(time), z, noise, clutter=CLUTTER, sensor=sensor, key=keys)[0]
            if sensor == "adsb":
                heights = np.concatenate([up[seen] + random.normal(0, 10, len(seen)), np.full(wrong, np.nan)])
                told = np.concatenate([names[seen], random.choice(names, wrong)])
                scan = replace(scan, alt=heights, alt_sigma=np.full(len(z), 10.0), identity=told)
            if sensor == "eo":
                says = np.concatenate([kind[seen], random.integers(0, len(CLASSES), wrong)])
                scan = replace(scan, class_p=0.1 + 0.5 * np.eye(len(CLASSES))[says], detector="eo")
            scans.append(scan)
    return sorted(scans, key=lambda scan: (scan.time, scan.sensor))


def part(scan: Detections, chosen: np.ndarray) -> Detections:
    assert scan.key is not None
    told = {name: column[chosen] for name, column in scan.told.items()}
    return replace(scan, z=scan.z[chosen], noise=scan.noise[chosen], at=scan.at[chosen], key=scan.key[chosen], **told)


def arrivals(scans: list[Detections], seed: int, late: float, horizon_s: float) -> list[Detections]:
    """The same detections, some pieces and some whole scans up to almost ``horizon_s`` later."""
    random, pieces = np.random.default_rng(seed), []
    for scan in scans:
        delayed = np.full(len(scan.z), random.random() < 0.15) | (random.random(len(scan.z)) < late)
        if not delayed.all():
            pieces.append((scan.time, scan.sensor, part(scan, np.flatnonzero(~delayed))))
        for k in np.flatnonzero(delayed):
            pieces.append((scan.time + random.uniform(0, horizon_s), scan.sensor, part(scan, np.array([k]))))
    return [piece for _, _, piece in sorted(pieces, key=lambda one: one[:2])]


def run(pieces: list[Detections]) -> Estimate:
    tracker = LateTracker(horizon_s=3.3)
    for piece in pieces:
        assert tracker.take(piece) == []
    return tracker.estimate(8.5)


@settings(max_examples=40, deadline=None)  # the first call compiles
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([0.02, 0.2, 0.6]))
def test_late_evidence_gives_the_knowledge_of_the_sorted_run(seed: int, split: int, late: float) -> None:
    scans = scene(seed)
    one, other = run(scans), run(arrivals(scans, split, late, 3.2))
    a, b = (np.lexsort((e.mean[:, 1].round(3), e.mean[:, 0].round(3))) for e in (one, other))
    np.testing.assert_allclose(one.mean[a], other.mean[b], atol=1e-6)
    assert one.knowledge is not None and other.knowledge is not None
    for column in fields(Knowledge):
        left, right = getattr(one.knowledge, column.name)[a], getattr(other.knowledge, column.name)[b]
        np.testing.assert_allclose(left, right, atol=1e-6, rtol=1e-6, err_msg=column.name)


def test_the_same_scans_give_the_same_bits() -> None:
    def bits() -> bytes:
        tracker = JipdaTracker()
        for scan in scene(3):
            tracker.step(scan)
        return tracker.tracks.copy().known.tobytes()

    assert bits() == bits()
    assert len(bits()) > 0


def test_scans_that_tell_nothing_more_leave_no_trace() -> None:
    bare = [Detections.of(s.time, s.z, s.noise, clutter=CLUTTER, sensor=s.sensor, key=s.key)[0] for s in scene(4)]
    tracker = JipdaTracker()
    for scan in bare:
        assert not scan.tells_more
        tracker.step(scan)
    assert tracker.estimate(8.5).knowledge is None
    assert tracker.tracks.known.nbytes == 0


def test_a_new_track_knows_nothing_of_the_one_whose_row_it_took() -> None:
    tracker, noise = JipdaTracker(), np.array([[100.0, 0.0, 100.0]])
    named = np.array([hashed("icao:abcdef")])
    for second in range(3):
        place = np.array([[1e5 * second, 0.0]])
        tracker.step(Detections.of(float(second), place, noise, clutter=1e-9, identity=named)[0])
    for second in range(3, 12):
        tracker.step(Detections.of(float(second), np.array([[-5e5, 0.0]]), noise, clutter=1e-9)[0])
    shown = tracker.estimate(12.0)
    assert shown.knowledge is not None and len(shown.id) == 1
    assert not shown.knowledge.identity.any() and np.isnan(shown.knowledge.height).all()


def test_pieces_that_tell_more_and_less_are_one_scan() -> None:
    noise = np.array([[1.0, 0.0, 1.0]])

    def piece(key: int, **told: np.ndarray) -> Detections:
        return Detections.of(1.0, np.array([[float(key), 0.0]]), noise, clutter=1.0, key=np.array([key]), **told)[0]

    whole = piece(2).joined([piece(1, identity=np.array([9])), piece(3, class_p=np.array([[2.0, 0, 0, 0, 2.0]]))])
    whole = whole.in_order()
    assert whole.identity is not None and whole.class_p is not None and whole.alt is None
    assert whole.identity.tolist() == [9, 0, 0]
    assert whole.class_p.tolist() == [[0.0] * 5, [0.0] * 5, [0.5, 0, 0, 0, 0.5]]


def test_nonsense_in_a_column_costs_no_detection() -> None:
    good, refused = Detections.of(
        0.0, np.arange(8.0).reshape(4, 2), np.tile([1.0, 0.0, 1.0], (4, 1)), clutter=1.0,
        alt=np.array([np.nan, 1e9, 50.0, 50.0]), alt_sigma=np.array([1.0, 1.0, -1.0, 2.0]),
        class_p=np.array([[np.nan, 1.0], [-1.0, 2.0], [0.0, 0.0], [1.0, 3.0]]),
    )  # fmt: skip
    assert refused == 0
    assert good.alt is not None and good.class_p is not None
    assert np.isnan(good.alt).tolist() == [True, True, True, False]
    assert good.class_p.tolist() == [[0, 0], [0, 0], [0, 0], [0.25, 0.75]]


def test_columns_of_another_length_are_refused() -> None:
    scan = Detections.of(0.0, np.eye(2), np.tile([1.0, 0.0, 1.0], (2, 1)), clutter=1.0)[0]
    with pytest.raises(ValueError, match="one row a detection"):
        replace(scan, identity=np.array([1]))
    with pytest.raises(ValueError, match="belong together"):
        replace(scan, alt=np.zeros(2))


def test_every_class_has_a_preset_and_moves_by_it() -> None:
    assert tuple(PRESETS) == CLASSES
    table = motion_table(TrackerSettings(), CLASSES)
    np.testing.assert_array_equal(table[0], motion_row(TrackerSettings()))
    np.testing.assert_array_equal(table[1 + CLASSES.index("vessel")], motion_row(PRESETS["vessel"]))


def test_a_track_that_is_surely_a_vessel_moves_like_one() -> None:
    """In silence the uncertainty of a vessel grows by its own process noise, and it lives for half an hour."""
    spread, existence = [], []
    for says in (None, np.eye(5)[[CLASSES.index("vessel")]]):
        tracker = JipdaTracker()
        for second in range(10):
            z, noise = np.array([[5.0 * second, 0.0]]), np.array([[25.0, 0.0, 25.0]])
            tracker.step(Detections.of(float(second), z, noise, clutter=1e-9, class_p=says)[0])
        shown = tracker.estimate(69.0)
        assert len(shown.id) == 1
        spread.append(float(np.sqrt(shown.cov[0, 0, 0])))
        existence.append(float(shown.existence[0]))
    assert spread[1] < 0.5 * spread[0]
    assert existence[1] > 0.95 > 0.7 > existence[0]


def test_what_is_too_fast_for_its_class_does_not_move_like_it() -> None:
    says = np.eye(5)[[CLASSES.index("pedestrian")] * 2]
    tracker = JipdaTracker()
    for second in range(10):
        z = np.array([[1.0 * second, 0.0], [30.0 * second, 5000.0]])
        noise = np.tile([25.0, 0.0, 25.0], (2, 1))
        tracker.step(Detections.of(float(second), z, noise, clutter=1e-9, class_p=says)[0])
    assert tracker.tracks.known["preset"][:2].tolist() == [1 + CLASSES.index("pedestrian"), 0]
