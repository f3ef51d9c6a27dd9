"""Class fusion against values by hand, the conjugate posterior, and by simulation: it never claims too much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda import Detections, JipdaTracker
from summit_fusion.jipda.classes import CLASSES, ClassSettings, classes_at, learn_classes, weigh_classes
from summit_fusion.jipda.layout import Floats

TWO = ClassSettings(names=("a", "b"), confusion={"eye": ((0.9, 0.1), (0.2, 0.8))}, half_life_s=60.0)
A = np.array([[1.0, 0.0]])


def learn(
    counts: Floats, reports: Floats, detector: str = "", time: float = 0.0, share: float = 1.0,
    assumed: ClassSettings = TWO,
) -> None:  # fmt: skip
    """One report a row."""
    size, preset = len(counts), np.zeros(len(counts), np.int64)
    likely, all_ = assumed.likelihood(reports, detector), np.arange(size + 1)
    learn_classes(
        counts, preset, np.zeros(size), np.ones(size), all_, all_[:-1], np.full(size, share), likely, time,
        assumed.row(), np.ones(len(assumed.names)),
    )  # fmt: skip


def belief(counts: Floats, time: float = 0.0, assumed: ClassSettings = TWO) -> Floats:
    return classes_at(counts, time, assumed.row())[0]


def test_a_report_without_doubt_is_the_conjugate_update() -> None:
    """Dirichlet(1/2, 1/2) after n reports of the first class: mean (n + 1/2) / (n + 1)."""
    counts = np.zeros((1, 3))
    for n in range(1, 6):
        learn(counts, A)
        np.testing.assert_allclose(belief(counts)[0, 0], (n + 0.5) / (n + 1.0))
    learn(counts, A[:, ::-1])
    np.testing.assert_allclose(belief(counts), [[5.5 / 7.0, 1.5 / 7.0]])


def test_a_detector_that_errs_counts_by_its_confusion() -> None:
    counts = np.zeros((1, 3))
    learn(counts, A, "eye")  # likelihood (0.9, 0.2), prior (1/2, 1/2): responsibilities 9/11 and 2/11
    np.testing.assert_allclose(counts[0, :2], [9 / 11, 2 / 11])
    first = (0.5 + 9 / 11) / 2
    np.testing.assert_allclose(belief(counts), [[first, 1 - first]])
    learn(counts, A, "eye", share=0.5)
    owed = 0.9 * first / (0.9 * first + 0.2 * (1 - first))
    np.testing.assert_allclose(counts[0, :2], [9 / 11 + 0.5 * owed, 2 / 11 + 0.5 * (1 - owed)])


def test_half_is_forgotten_after_the_half_life() -> None:
    counts = np.zeros((1, 3))
    for _ in range(4):
        learn(counts, A)
    np.testing.assert_allclose(belief(counts, 60.0), [[2.5 / 3.0, 0.5 / 3.0]])
    learn(counts, A, time=120.0)
    np.testing.assert_allclose(counts[0], [2.0, 0.0, 120.0])
    shown, entropy = classes_at(counts, 1e6, TWO.row())
    np.testing.assert_allclose(shown, [[0.5, 0.5]])
    np.testing.assert_allclose(entropy, np.log(2.0))


def test_the_ratio_is_that_of_the_predicted_report_and_is_capped() -> None:
    counts = np.array([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [400.0, 0.0, 0.0]])
    likely = np.array([[0.9, 0.2], [0.0, 1.0], [0.0, 0.0]])
    psi = np.ones(9)
    weigh_classes(psi, counts, np.array([0, 3, 6, 9]), np.array([0, 1, 2] * 3), likely, 0.0, TWO.row())
    mean = np.array([[3.5 / 4, 0.5 / 4], [0.5, 0.5], [400.5 / 401, 0.5 / 401]])
    expected = np.ones((3, 3))
    expected[:, :2] = np.clip((mean @ likely[:2].T) / likely[:2].mean(1), 0.1, 10.0)
    np.testing.assert_allclose(psi.reshape(3, 3), expected)
    assert psi[7] == 0.1


@settings(deadline=None, max_examples=50)  # the first call compiles
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 1.0), st.floats(0.0, 50.0)), max_size=20))
def test_whatever_is_reported_the_probabilities_are_some(reports: list[tuple[int, float, float]]) -> None:
    assumed, counts, time = ClassSettings(), np.zeros((1, 6)), 0.0
    for says, share, dt in reports:
        time += dt
        learn(counts, 0.05 + 0.75 * np.eye(5)[[says]], time=time, share=share, assumed=assumed)
    shown, entropy = classes_at(counts, time, assumed.row())
    assert shown.min() > 0.0 and shown.sum() == pytest.approx(1.0)
    assert 0.0 <= entropy[0] <= np.log(5.0) + 1e-12
    assert counts[0, :5].sum() <= sum(share for _, share, _ in reports) + 1e-9


def test_next_reports_come_as_often_as_predicted() -> None:
    """Populations drawn from the prior itself: the mean of the counts is the exact predictive probability."""
    random, runs, seen = np.random.default_rng(2), 20_000, 5
    assumed = ClassSettings(names=("a", "b", "c"), prior=3.0)
    shares = random.dirichlet([1.0, 1.0, 1.0], runs)
    draws = (random.random((seen + 1, runs, 1)) > shares.cumsum(1)).sum(2)
    counts = np.zeros((runs, 4))
    for k in range(seen):
        learn(counts, np.eye(3)[draws[k]], assumed=assumed)
    claimed, came = belief(counts, assumed=assumed)[:, 0], draws[seen] == 0
    for value in np.unique(claimed.round(6)):
        chosen = np.abs(claimed - value) < 1e-5
        bound = 4.0 * np.sqrt(value * (1 - value) / chosen.sum())
        assert abs(float(came[chosen].mean()) - value) < bound


def test_it_learns_from_a_poor_detector_and_never_claims_too_much() -> None:
    """Five classes, a detector that is right 7 times in 10; what is claimed for the best class against how often it is
    right, after 1 to 30 reports."""
    random, runs = np.random.default_rng(4), 5000
    matrix = np.full((5, 5), 0.075) + 0.625 * np.eye(5)
    assumed = ClassSettings(confusion={"eye": tuple(map(tuple, matrix.tolist()))})
    truth, counts, entropies = random.integers(0, 5, runs), np.zeros((runs, 6)), []
    for k in range(1, 31):
        says = (random.random((runs, 1)) > matrix[truth].cumsum(1)).sum(1)
        learn(counts, np.eye(5)[np.minimum(says, 4)], "eye", time=float(k), assumed=assumed)
        shown, entropy = classes_at(counts, float(k), assumed.row())
        entropies.append(float(entropy.mean()))
        best, right = shown.max(1), shown.argmax(1) == truth
        for low in np.arange(0.2, 1.0, 0.1):
            chosen = (best >= low) & (best < low + 0.1)
            if chosen.sum() >= 50:
                slack = 3.0 * 0.5 / np.sqrt(chosen.sum())
                assert float(right[chosen].mean()) >= float(best[chosen].mean()) - slack
    assert float(right.mean()) > 0.99
    assert float(shown[np.arange(runs), truth].mean()) > 0.7
    assert entropies[-1] < 0.9 < 1.4 < entropies[0]


def test_a_wrong_matrix_or_another_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        ClassSettings(names=("a", "b"), confusion={"eye": ((0.9, 0.2), (0.2, 0.8))})
    with pytest.raises(ValueError, match="half_life_s"):
        ClassSettings(half_life_s=0.0)
    tracker = JipdaTracker()
    place, noise = np.zeros((1, 2)), np.array([[1.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match="3 columns for 5 classes"):
        tracker.step(Detections.of(0.0, place, noise, clutter=1.0, class_p=np.ones((1, 3)))[0])


def test_classes_help_to_tell_a_drone_from_a_car() -> None:
    """Both pass each other within the noise of the camera; what they are keeps them apart."""

    def kept(seed: int, classes: bool) -> bool:
        random, tracker, says = np.random.default_rng(seed), JipdaTracker(), 0.04 + 0.8 * np.eye(5)
        first = np.empty(0, np.int64)
        for second in range(40):
            apart = max(5.0, abs(second - 20) * 8.0)
            z = np.array([[-apart, 0.0], [apart, 0.0]]) + random.normal(0, 10, (2, 2))
            told = {"class_p": says[[CLASSES.index("uas"), CLASSES.index("vehicle")]]} if classes else {}
            noise = np.tile([100.0, 0.0, 100.0], (2, 1))
            tracker.step(Detections.of(float(second), z, noise, clutter=1e-8, **told)[0])
            if second == 8:
                first = tracker.estimate(8.0).id[np.argsort(tracker.estimate(8.0).mean[:, 0])]
        last = tracker.estimate(39.0)
        return last.id[np.argsort(last.mean[:, 0])].tolist() == first.tolist()

    with_classes, without = (sum(kept(seed, classes) for seed in range(20)) for classes in (True, False))
    assert with_classes >= 14 > 4 >= without
