"""Stitch: pieces of tracks that one target left before and after a silence, joined where likely; for recordings.

The white acceleration of the tracker says after a minute that a target may be anywhere and as fast as anything. Here
its velocity is an Ornstein-Uhlenbeck process (Uhlenbeck and Ornstein, "On the theory of the Brownian motion", Physical
Review 36, 1930): as fast as the targets of the recording are, held for a while, shorter by those that circle. Which end
goes on with which beginning is the question of the tracker's association, asked once for all of them; the marginals
answer it, so what has rivals, or may as well be new, stays apart. How long targets of the recording are silent, and how
many come back, follows from the same marginals and goes into them again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from summit_fusion.jipda.associate import associate
from summit_fusion.jipda.layout import Floats, Ints
from summit_fusion.jipda.smooth import Smoothed, collapsed

HOLDS_S: Final = (1.0, 15.0, 60.0, 240.0, 960.0)
"""How long a velocity may be held; the recording says how often each."""
PAIRS: Final = 2000
"""Looked at to learn that."""
ROUNDS: Final = 20
CELL_M: Final = 20_000.0
"""Where nobody was seen in an area as wide, nobody begins."""
COMES_BACK: Final = 0.5
TRIES: Final = 5
BOUNDS: Final = (0.05, 0.95)
"""Of the share that comes back and of the share that is new, which follow from each other."""
LIKELY: Final = 0.5
OCTAVES: Final = 7
"""Of silences, down from the longest; the recording says how often each, and one silence more is spread over all."""
FASTEST: Final = 6.0
"""Root mean squares of a component of the velocity."""


@dataclass(frozen=True, slots=True)
class Ends:
    """One end of each piece: seconds (n,), mean (n, 4), covariance (n, 4, 4)."""

    at: Floats
    mean: Floats
    cov: Floats

    def __getitem__(self, rows: Ints) -> "Ends":
        return Ends(self.at[rows], self.mean[rows], self.cov[rows])

    @classmethod
    def joined(cls, ends: Sequence["Ends"]) -> "Ends":
        return cls(
            np.concatenate([np.empty(0), *(one.at for one in ends)]),
            np.concatenate([np.empty((0, 4)), *(one.mean for one in ends)]),
            np.concatenate([np.empty((0, 4, 4)), *(one.cov for one in ends)]),
        )

    @classmethod
    def of(cls, piece: Smoothed, rows: Ints) -> "Ends":
        return cls(piece.history.at[rows], *collapsed(piece.states[rows]))


@dataclass(frozen=True, slots=True)
class Drift:
    """How targets go on unseen: rms of a component of the velocity, m/s, and how often it is held how long."""

    speed_mps: float
    weight: Floats

    def density(self, before: Ends, after: Ends) -> Floats:
        """(n, holds) log density of the states ``after`` a silence, given those ``before`` it."""
        return np.stack([_density(before, after, hold, self.speed_mps) for hold in HOLDS_S], 1)


def _density(before: Ends, after: Ends, hold: float, speed: float) -> Floats:
    span = (after.at - before.at) / hold
    left = np.exp(-span)
    step = np.zeros((len(span), 4, 4))
    step[:, 0, 0] = step[:, 1, 1] = 1.0
    step[:, 0, 2] = step[:, 1, 3] = hold * (1.0 - left)
    step[:, 2, 2] = step[:, 3, 3] = left
    cov = step @ before.cov @ step.mT + after.cov
    for place, velocity in ((0, 2), (1, 3)):
        cov[:, place, place] += (speed * hold) ** 2 * (2.0 * span - 3.0 + 4.0 * left - left**2)
        cov[:, place, velocity] += speed**2 * hold * (1.0 - left) ** 2
        cov[:, velocity, place] += speed**2 * hold * (1.0 - left) ** 2
        cov[:, velocity, velocity] += speed**2 * (1.0 - left**2)
    return _gauss(after.mean - (step @ before.mean[:, :, None])[:, :, 0], cov)


def _gauss(off: Floats, cov: Floats) -> Floats:
    distance = (off * np.linalg.solve(cov, off[:, :, None])[:, :, 0]).sum(1)
    found: Floats = -0.5 * (distance + np.linalg.slogdet(cov).logabsdet + off.shape[1] * math.log(2.0 * math.pi))
    return found


def learnt(tracks: Sequence[Smoothed], longest_s: float) -> Drift | None:
    """How the targets of a recording went on while they were seen, over times of about a silence (expectation and
    maximisation over the holds); half of the belief stays even, since those who were seen longest circled. None where
    nobody was seen for so long."""
    first, second = [], []
    for one in tracks:
        at = one.history.at
        for lag in (longest_s / 8.0, longest_s / 4.0, longest_s / 2.0):
            to = np.searchsorted(at, at + lag)
            known = np.flatnonzero(to < len(at))
            first.append(Ends.of(one, known))
            second.append(Ends.of(one, to[known]))
    before, after = Ends.joined(first), Ends.joined(second)
    if not len(before.at):
        return None
    rows = np.unique(np.linspace(0, len(before.at) - 1, PAIRS).astype(np.int64))
    before, after = before[rows], after[rows]
    square = float(np.median((before.mean[:, 2:] ** 2).sum(1)))
    speed = max(1.0, math.sqrt(square / (2.0 * math.log(2.0))))  # of a Rayleigh distribution
    weight = even = np.full(len(HOLDS_S), 1.0 / len(HOLDS_S))
    fit = Drift(speed, even).density(before, after)
    likelihood = np.exp(fit - fit.max(1, keepdims=True))
    for _ in range(ROUNDS):
        shares = weight * likelihood
        weight = (shares / shares.sum(1, keepdims=True)).mean(0)
    return Drift(speed, 0.5 * (weight + even))


def stitch(pieces: Sequence[Smoothed], drift: Drift, longest_s: float) -> list[list[int]]:
    """Chains of pieces in the order of time, each piece in one of them. Silences are at most ``longest_s``."""
    begins = Ends.joined([Ends.of(one, np.array([0])) for one in pieces])
    ends = Ends.joined([Ends.of(one, np.array([-1])) for one in pieces])
    tail, head = _candidates(ends, begins, FASTEST * drift.speed_mps, longest_s)
    silence = begins.at[head] - ends.at[tail]
    octave = np.minimum(np.log2(longest_s / silence), OCTAVES - 1.0).astype(np.int64)
    fit = drift.density(ends[tail], begins[head]) - _new(begins, drift.speed_mps)[head, None]
    odds = np.exp(np.clip(fit, -50.0, 50.0)) @ drift.weight / (silence * math.log(2.0))
    start, back, fresh = np.searchsorted(tail, np.arange(len(pieces) + 1)), COMES_BACK, 1.0
    often = np.full(OCTAVES, 1.0 / OCTAVES)
    for _ in range(TRIES):
        gone = np.full(len(pieces), 1.0 - back)
        share, gone, new = associate(start, head, back / fresh * often[octave] * odds, gone, len(pieces))
        back, fresh = (float(np.clip(part.mean(), *BOUNDS)) for part in (1.0 - gone, new))
        often = (np.bincount(octave, share, OCTAVES) + 1.0 / OCTAVES) / (share.sum() + 1.0)
    sure = share > LIKELY
    return _chains(dict(zip(tail[sure].tolist(), head[sure].tolist(), strict=True)), len(pieces))


def _chains(heir: dict[int, int], count: int) -> list[list[int]]:
    chains = []
    for first in sorted(set(range(count)) - set(heir.values())):
        chain = [first]
        while chain[-1] in heir:
            chain.append(heir[chain[-1]])
        chains.append(chain)
    return chains


def _candidates(ends: Ends, begins: Ends, fastest: float, longest_s: float) -> tuple[Ints, Ints]:
    """Pairs of an end and a later beginning that something can have gone between, by ends."""
    order = np.argsort(begins.at, kind="stable")
    at, tails, heads = begins.at[order], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for k in range(len(ends.at)):
        first, last = np.searchsorted(at, (ends.at[k], ends.at[k] + longest_s), side="right")
        rows = np.sort(order[first:last])
        near = np.hypot(*(begins.mean[rows, :2] - ends.mean[k, :2]).T)
        spread = np.sqrt(np.trace((begins.cov[rows] + ends.cov[k])[:, :2, :2], axis1=1, axis2=2))
        rows = rows[near <= fastest * (begins.at[rows] - ends.at[k]) + FASTEST * spread]
        tails.append(np.full(len(rows), k))
        heads.append(rows)
    return np.concatenate(tails), np.concatenate(heads)


def _new(begins: Ends, speed: float) -> Floats:
    """(n,) log density of each beginning were it one of a new target: anywhere that targets begin, at any time."""
    places = np.unique(np.floor(begins.mean[:, :2] / CELL_M), axis=0)
    seconds = max(1.0, float(np.ptp(begins.at)))
    each = math.log(len(begins.at) / seconds / (len(places) * CELL_M**2))
    return each + _gauss(begins.mean[:, 2:], begins.cov[:, 2:, 2:] + speed**2 * np.eye(2))
