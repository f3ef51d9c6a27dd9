"""Identities as evidence: they keep targets apart, and who lies with one gains nothing by it."""

from typing import Any

import numpy as np
import pytest
from summit_fusion.jipda import Detections, Estimate, JipdaTracker
from summit_fusion.jipda.evidence import Knowledge
from summit_fusion.jipda.identity import (
    SCHEMES,
    IdentitySettings,
    hashed,
    learn_identities,
    weigh_identities,
)

A, B = hashed("icao:aaaaaa"), hashed("icao:bbbbbb")
ICAO = SCHEMES.index("icao")


def scan(second: float, places: Any, told: Any, sigma: float = 10.0) -> Detections:
    z = np.asarray(places, float).reshape(-1, 2)
    noise = np.tile([sigma**2, 0.0, sigma**2], (len(z), 1))
    return Detections.of(second, z, noise, clutter=1e-8, identity=np.array(told, np.int64))[0]


def known(estimate: Estimate) -> Knowledge:
    assert estimate.knowledge is not None
    return estimate.knowledge


def test_a_hash_says_its_scheme_and_is_the_same_for_ever() -> None:
    assert [hashed(f"{scheme}:7") & 3 for scheme in SCHEMES] == [0, 1, 2, 3]
    assert hashed("remote-id:7") & 3 == SCHEMES.index("device")
    assert hashed("icao:AB12CD") == hashed("ICAO:ab12cd") != hashed("icao:ab12ce")
    assert hashed("device:a") != hashed("device:A")
    assert hashed("icao:ab12cd") == -1350510895722480968


def test_settings_that_mean_nothing_are_refused() -> None:
    for wrong in ({"wrong": 0.0}, {"shared": 0.9}, {"silent": 0.0}):
        with pytest.raises(ValueError, match="must lie"):
            IdentitySettings(**wrong)


def test_the_ratios_of_an_equal_a_different_and_no_identity() -> None:
    identity, belief = np.zeros((2, 4), np.int64), np.zeros((2, 4))
    identity[0, ICAO], belief[0, ICAO] = A, 0.9
    told, start, edges = np.array([A, B, 0, hashed("mmsi:1")]), np.array([0, 4, 8]), np.array([0, 1, 2, 3] * 2)
    psi, assumed = np.ones(8), IdentitySettings(wrong=0.01, shared=0.002, silent=0.5)
    weigh_identities(psi, identity, belief, start, edges, told, assumed.row())
    equal = (0.9 * 0.99 + 0.1 * 0.002) / 0.002
    np.testing.assert_allclose(psi, [equal, 0.9 * 0.01 + 0.1, 0.9 * 0.5 + 0.1, 1.0, 1.0, 1.0, 1.0, 1.0])


def test_belief_follows_bayes_rule() -> None:
    identity, former, belief = np.zeros((1, 4), np.int64), np.zeros((1, 4), np.int64), np.zeros((1, 4))
    start, edge, assumed = np.array([0, 1]), np.array([0]), IdentitySettings(wrong=0.01, shared=0.002)

    def tell(hash_: int, share: float) -> float:
        share_, told = np.array([share]), np.array([hash_])
        learn_identities(identity, former, belief, np.ones(1), start, edge, share_, told, assumed.row())
        return float(belief[0, ICAO])

    assert tell(A, 0.4) == 0.0
    assert tell(A, 0.8) == pytest.approx(0.8 * 0.99)
    sure = 0.792 * 0.99 / (0.792 * 0.99 + 0.208 * 0.002)
    assert tell(A, 1.0) == pytest.approx(sure)
    doubted = sure * 0.01 / (sure * 0.01 + 1 - sure)
    assert tell(B, 0.5) == pytest.approx(0.5 * sure + 0.5 * doubted)
    assert identity[0, ICAO] == A and former[0, ICAO] == 0


def meeting(seed: int, named: bool) -> bool:
    """Two targets come within half a sigma of each other, stay so for a while, and part. Whether they swapped."""
    random, tracker, first = np.random.default_rng(seed), JipdaTracker(), np.empty(0, np.int64)
    for second in range(40):
        apart = max(5.0, abs(second - 20) * 8.0)
        z = np.array([[-apart, 0.0], [apart, 0.0]]) + random.normal(0, 10, (2, 2))
        order = random.permutation(2)
        tracker.step(scan(float(second), z[order], np.array([A, B])[order] if named else [0, 0]))
        if second == 8:
            first = tracker.estimate(8.0).id[np.argsort(tracker.estimate(8.0).mean[:, 0])]
    last = tracker.estimate(39.0)
    return last.id[np.argsort(last.mean[:, 0])].tolist() != first.tolist()


def test_targets_with_identities_never_swap() -> None:
    assert sum(meeting(seed, named=True) for seed in range(30)) == 0
    assert sum(meeting(seed, named=False) for seed in range(30)) >= 8


def flight(seed: int, lie: Any = None, seconds: int = 40) -> tuple[JipdaTracker, Estimate]:
    """A target at 20 m/s due east with identity A; ``lie`` (second -> place or None) tells the same identity."""
    random, tracker = np.random.default_rng(seed), JipdaTracker()
    for second in range(seconds):
        z = [np.array([20.0 * second, 0.0]) + random.normal(0, 10, 2)]
        false = lie(second) if lie is not None else None
        tracker.step(scan(float(second), [*z, false] if false is not None else z, [A] * (1 + (false is not None))))
    return tracker, tracker.estimate(seconds - 1.0)


@pytest.mark.parametrize("lie", [lambda s: (20.0 * s, 150.0), lambda s: (400.0, -3000.0)])
def test_a_spoofed_identity_drags_no_track(lie: Any) -> None:
    """Beside it or far away: the spoofer becomes a track of its own, and both are called conflicting."""
    for seed in range(5):
        (_, alone), (_, beside) = flight(seed), flight(seed, lie)
        assert alone.id.tolist() == [0] and len(beside.id) == 2
        mine = int(np.argmin(beside.id))
        assert np.abs(beside.mean[mine] - alone.mean[0]).max() < 1.0
        assert known(beside).conflicting.tolist() == [True, True]
        assert not known(alone).conflicting.any()


def test_a_spoofer_that_starts_inside_and_walks_off_does_not_take_the_track_along() -> None:
    """It tells the same identity from where the target is and leaves sideways at 10 m/s."""
    for seed in range(10):
        _, shown = flight(seed, lambda s: (20.0 * s, 10.0 * (s - 12)) if s >= 12 else None)
        nearest = int(np.argmin(np.abs(shown.mean[:, 1])))
        assert len(shown.id) == 2
        assert np.abs(shown.mean[nearest, :2] - [20.0 * 39, 0.0]).max() < 30.0
        assert known(shown).conflicting.all()


def test_two_transponders_with_one_identity_stay_two_tracks() -> None:
    tracker = JipdaTracker()
    for second in range(10):
        tracker.step(scan(float(second), [(0.0, 10.0 * second), (5000.0, 0.0), (9000.0, 0.0)], [A, A, B]))
    shown = tracker.estimate(9.0)
    assert len(shown.id) == 3
    assert known(shown).conflicting[np.argsort(shown.mean[:, 0])].tolist() == [True, True, False]


def test_a_track_whose_identity_changes_says_so_and_stays_itself() -> None:
    tracker = JipdaTracker()
    for second in range(20):
        tracker.step(scan(float(second), [(10.0 * second, 0.0)], [A if second < 10 else B]))
    shown = tracker.estimate(19.0)
    assert shown.id.tolist() == [0]
    assert (known(shown).identity[0, ICAO], known(shown).former[0, ICAO]) == (B, A)
    assert known(shown).belief[0, ICAO] > 0.99


def test_one_wrong_message_changes_nothing() -> None:
    tracker = JipdaTracker()
    for second in range(20):
        tracker.step(scan(float(second), [(10.0 * second, 0.0)], [B if second == 10 else A]))
    shown = tracker.estimate(19.0)
    assert shown.id.tolist() == [0]
    assert (known(shown).identity[0, ICAO], known(shown).former[0, ICAO]) == (A, 0)


def test_two_schemes_do_not_contradict_each_other() -> None:
    tracker, mmsi = JipdaTracker(), hashed("mmsi:235012345")
    for second in range(10):
        tracker.step(scan(float(second), [(10.0 * second, 0.0)], [A if second % 2 else mmsi]))
    shown = tracker.estimate(9.0)
    assert shown.id.tolist() == [0]
    assert known(shown).identity[0, :2].tolist() == [A, mmsi] and known(shown).belief[0, :2].min() > 0.99
