"""Pieces of tracks before and after a silence: joined where one target left both, and only there."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import History, Smoothed, smooth
from summit_fusion.jipda.stitch import Drift, learnt, stitch

MOTION = Motion(q_cruise=1.0, q_manoeuvre=100.0, stay_cruise_s=120.0, stay_manoeuvre_s=60.0, speed_sigma_mps=100.0)
EVEN = Drift(60.0, np.full(5, 0.2))
LONGEST_S = 120.0
FAR_M = 18_000.0


def piece(begin: float, count: int, place: Floats, velocity: Floats, every_s: float = 5.0) -> History:
    at = begin + every_s * np.arange(count)
    return History(at, place + np.outer(at, velocity), np.tile([100.0, 0.0, 100.0], (count, 1)))


def pieces(seed: int) -> list[Smoothed]:
    """Some anywhere within 30 km and ten minutes, of one to twelve reports."""
    random = np.random.default_rng(seed)
    made = [
        piece(
            random.uniform(0.0, 600.0), int(random.integers(1, 12)), random.uniform(0.0, 30_000.0, 2),
            random.normal(0.0, 60.0, 2),
        )
        for _ in range(int(random.integers(1, 25)))
    ]  # fmt: skip
    return smooth(made, MOTION)


def test_straight_flights_go_on_after_a_minute_each_as_itself() -> None:
    random = np.random.default_rng(1)
    found = []
    for k in range(6):
        place, velocity = np.array([0.0, 30_000.0 * k]), random.normal(0.0, 60.0, 2)
        found += [piece(0.0, 20, place, velocity), piece(160.0, 20, place, velocity)]
    smoothed = smooth(found, MOTION)
    drift = learnt(smoothed, LONGEST_S)
    assert drift is not None
    assert sorted(stitch(smoothed, drift, LONGEST_S)) == [[2 * k, 2 * k + 1] for k in range(6)]


def test_two_that_may_both_be_the_one_are_left_apart() -> None:
    place, velocity = np.zeros(2), np.array([80.0, 0.0])
    found = [piece(0.0, 20, place, velocity)]
    found += [piece(150.0, 20, np.array([0.0, side]), velocity) for side in (-300.0, 300.0)]
    assert sorted(map(len, stitch(smooth(found, MOTION), EVEN, LONGEST_S))) == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_no_chain_overlaps_in_time_or_goes_where_nothing_can_go(seed: int) -> None:
    found = pieces(seed)
    chains = stitch(found, EVEN, LONGEST_S)
    assert sorted(k for chain in chains for k in chain) == list(range(len(found)))
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            silence = found[b].history.at[0] - found[a].history.at[-1]
            assert 0.0 < silence <= LONGEST_S
            way = float(np.hypot(*(found[b].history.z[0] - found[a].history.z[-1])))
            assert way <= 6.0 * (EVEN.speed_mps * silence + 10.0 * 2.0**0.5 * 2.0**0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_the_pieces_does_not_matter(seed: int) -> None:
    found = pieces(seed)
    order = np.random.default_rng(seed).permutation(len(found)).tolist()
    again = stitch([found[k] for k in order], EVEN, LONGEST_S)
    assert sorted([order[k] for k in chain] for chain in again) == sorted(stitch(found, EVEN, LONGEST_S))


def test_nothing_is_learnt_of_those_that_were_seen_for_moments() -> None:
    assert learnt(smooth([piece(0.0, 2, np.zeros(2), np.ones(2))], MOTION), LONGEST_S) is None
    assert learnt([], LONGEST_S) is None


def test_how_long_targets_are_silent_is_learnt_from_those_that_surely_came_back() -> None:
    """Of one that turned in a silence of 50 seconds it is likelier that it came back if others were silent as long."""

    def joined_again(silence_s: float) -> bool:
        random = np.random.default_rng(8)
        made = [piece(0.0, 40, np.zeros(2), np.array([70.0, 0.0]))]  # until 195 s
        made.append(piece(245.0, 40, np.array([FAR_M, 70.0 * 245.0]), np.array([0.0, -70.0])))
        for k in range(1, 9):
            place, velocity = np.array([0.0, 40_000.0 * k]), random.normal(0.0, 60.0, 2)
            made += [piece(0.0, 40, place, velocity), piece(195.0 + silence_s, 40, place, velocity)]
        return [0, 1] in stitch(smooth(made, MOTION), EVEN, LONGEST_S)

    assert joined_again(50.0)
    assert not joined_again(100.0)
    assert not joined_again(6.0)
