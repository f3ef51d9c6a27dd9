"""Smooth: where a target was, as told by all its detections, those afterwards as well; for recordings.

Forward the filter of the tracker (two constant-velocity models, interacting), backward Rauch, Tung and Striebel
("Maximum likelihood estimates of linear dynamic systems", AIAA Journal 3, 1965) for each pair of the models before and
after a step, weighed by how well the one foresaw what the other became: Nadarajah, Tharmarasa, McDonald, Kirubarajan,
"IMM forward filtering and backward smoothing for maneuvering target tracking", IEEE TAES 48 (2012). It needs no second
filter backward as Helmick, Blair and Hoffman ("Fixed-interval smoothing for Markovian switching systems", IEEE Trans.
Information Theory 41, 1995) do. With one model it is the least-squares solution.

All histories go step by step together: the arrays have a row a history and a column a detection, filled up at the end.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints
from summit_fusion.jipda.settings import Motion

AT_ONCE: Final = 100_000
"""Detections, with those that fill up: 80 MB of states."""
PLACE: Final = np.eye(2, 4)
LEAST_CHANCE: Final = 1e-12
"""No model is ever quite excluded."""


@dataclass(frozen=True, slots=True)
class History:
    """Detections of one target in the order of time: seconds (n,), places (n, 2), noise (n, 3) xx, xy, yy in m2."""

    at: Floats
    z: Floats
    noise: Floats

    @classmethod
    def joined(cls, parts: Sequence["History"]) -> "History":
        """Parts in the order of time as one."""
        return cls(*(np.concatenate(columns) for columns in zip(*((p.at, p.z, p.noise) for p in parts), strict=True)))


@dataclass(frozen=True, slots=True)
class States:
    """Of each model m: ``mean`` (..., 2, 4), ``cov`` (..., 2, 4, 4), ``chance`` (..., 2) that it is the one."""

    mean: Floats
    cov: Floats
    chance: Floats

    def __getitem__(self, key: Any) -> "States":
        return States(self.mean[key], self.cov[key], self.chance[key])

    def put(self, key: Any, new: "States") -> None:
        for mine, theirs in ((self.mean, new.mean), (self.cov, new.cov), (self.chance, new.chance)):
            mine[key] = theirs


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A history and its states at each of its times, known from those until then and from all."""

    history: History
    motion: Motion
    filtered: States
    states: States

    def at(self, times: Floats) -> tuple[Floats, Floats]:
        """Mean (n, 4) and covariance (n, 4, 4) at any times; those outside the history are predicted both ways."""
        known, motion = self.history.at, self.motion
        last = len(known) - 1
        later = np.searchsorted(known, times)
        inside = (later > 0) & (later <= last)
        nearest = np.clip(later, 0, last)
        mean, cov = collapsed(moved(self.states[nearest], times - known[nearest], motion))
        k = later[inside]
        if len(k):
            before, after = times[inside] - known[k - 1], known[k] - times[inside]
            mean[inside], cov[inside] = collapsed(between(self.filtered[k - 1], self.states[k], before, after, motion))
        return mean, cov


def smooth(histories: Sequence[History], motion: Motion) -> list[Smoothed]:
    """Each history by itself. Those of about the same length go together."""
    found: dict[int, Smoothed] = {}
    for rows in _groups([len(one.at) for one in histories]):
        members = [histories[row] for row in rows]
        lengths = np.array([len(one.at) for one in members])
        filtered, _ = forward(members, lengths, motion)
        states = backward(members, lengths, filtered, motion)
        for k, (row, one) in enumerate(zip(rows, members, strict=True)):
            part = (k, slice(lengths[k]))
            found[row] = Smoothed(one, motion, filtered[part], states[part])
    return [found[row] for row in range(len(histories))]


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows, longest first, so many at a time that their arrays stay small."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    while order:
        count = max(1, AT_ONCE // max(1, lengths[order[0]]))
        yield order[:count]
        order = order[count:]


def _columns(histories: Sequence[History], longest: int) -> tuple[Floats, Floats, Floats]:
    at, z, noise = (np.zeros((len(histories), longest, *shape)) for shape in ((), (2,), (2, 2)))
    for row, one in enumerate(histories):
        count = len(one.at)
        at[row, :count], z[row, :count] = one.at, one.z
        noise[row, :count] = one.noise[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    return at, z, noise


def likelihood(histories: Sequence[History], motion: Motion) -> float:
    """Logarithm of that of all detections but the first of each history. One that nobody could foresee counts no less
    than `LEAST_CHANCE`: it says nothing of the others."""
    lengths = np.array([len(one.at) for one in histories], np.int64)
    groups = _groups(lengths.tolist())
    return sum((forward([histories[row] for row in rows], lengths[rows], motion)[1] for rows in groups), 0.0)


def forward(histories: Sequence[History], lengths: Ints, motion: Motion) -> tuple[States, float]:
    """The filter (histories, longest, ...) and its `likelihood`; ``histories`` are in the order of their lengths,
    longest first."""
    longest = int(lengths[0])
    at, z, noise = _columns(histories, longest)
    kept = States(*(np.zeros((len(histories), longest, 2, *shape)) for shape in ((4,), (4, 4), ())))
    kept.mean[:, 0, :, :2] = z[:, 0, None]
    kept.cov[:, 0, :, :2, :2] = noise[:, 0, None]
    for m, sigma in enumerate((motion.speed_sigma_mps, motion.fastest_sigma_mps)):
        kept.cov[:, 0, m, 2, 2] = kept.cov[:, 0, m, 3, 3] = sigma**2
    kept.chance[:, 0] = motion.cruises, 1.0 - motion.cruises
    total = 0.0
    for k in range(1, longest):
        now = slice(int((lengths > k).sum()))
        state = moved(mixed(kept[now, k - 1], at[now, k] - at[now, k - 1], motion), at[now, k] - at[now, k - 1], motion)
        state, fit = updated(state, z[now, k], noise[now, k])
        kept.put((now, k), state)
        total += float(np.maximum(fit, math.log(LEAST_CHANCE)).sum())
    return kept, total


def backward(histories: Sequence[History], lengths: Ints, filtered: States, motion: Motion) -> States:
    """The states given all detections, from those of `forward`."""
    longest = int(lengths[0])
    at, _, _ = _columns(histories, longest)
    kept = States(filtered.mean.copy(), filtered.cov.copy(), filtered.chance.copy())
    for k in range(longest - 2, -1, -1):
        now = slice(int((lengths > k + 1).sum()))
        dt = at[now, k + 1] - at[now, k]
        kept.put((now, k), between(filtered[now, k], kept[now, k + 1], np.zeros_like(dt), dt, motion))
    return kept


def switches(dt: Floats, motion: Motion) -> Floats:
    """(n, 2, 2) probability that model i is followed by model j after ``dt`` seconds."""
    leave = 1.0 - np.exp(-np.abs(dt)[:, None] / np.array([motion.stay_cruise_s, motion.stay_manoeuvre_s]))
    return np.stack([1.0 - leave[:, 0], leave[:, 0], leave[:, 1], 1.0 - leave[:, 1]], 1).reshape(-1, 2, 2)


def transition(dt: Floats, motion: Motion) -> tuple[Floats, Floats]:
    """Constant velocity (n, 4, 4), and the process noise (n, 2, 4, 4) of each model."""
    step = np.zeros((len(dt), 4, 4))
    step[:] = np.eye(4)
    step[:, 0, 2] = step[:, 1, 3] = dt
    span = np.abs(dt)
    noise = np.zeros((len(dt), 4, 4))
    noise[:, 0, 0] = noise[:, 1, 1] = span**3 / 3.0
    noise[:, 0, 2] = noise[:, 2, 0] = noise[:, 1, 3] = noise[:, 3, 1] = span * dt / 2.0
    noise[:, 2, 2] = noise[:, 3, 3] = span
    return step, noise[:, None] * np.array([motion.q_cruise, motion.q_manoeuvre])[:, None, None]


def mixed(state: States, dt: Floats, motion: Motion) -> States:
    """Interaction: each model begins a step with what all models say of where it may come from."""
    joint = state.chance[:, :, None] * switches(dt, motion)
    chance = joint.sum(1)
    weight = joint / np.maximum(chance, LEAST_CHANCE)[:, None, :]
    mean = np.einsum("nij,nia->nja", weight, state.mean)
    off = state.mean[:, :, None] - mean[:, None]
    cov = np.einsum("nij,niab->njab", weight, state.cov) + np.einsum("nij,nija,nijb->njab", weight, off, off)
    return States(mean, cov, chance)


def moved(state: States, dt: Floats, motion: Motion) -> States:
    """Each model ``dt`` seconds on, or back."""
    step, noise = transition(dt, motion)
    step = step[:, None]
    mean = (step @ state.mean[..., None])[..., 0]
    return States(mean, step @ state.cov @ step.mT + noise, state.chance)


def updated(state: States, z: Floats, noise: Floats) -> tuple[States, Floats]:
    """With one detection each, and (n,) the logarithm of its density; the models are weighed by how well they foresaw
    it."""
    innovation = state.cov[..., :2, :2] + noise[:, None]
    gain = np.linalg.solve(innovation, state.cov[..., :2, :]).mT
    off = z[:, None] - state.mean[..., :2]
    distance = (off * np.linalg.solve(innovation, off[..., None])[..., 0]).sum(-1)
    fit = -0.5 * (distance + np.log(np.linalg.det(innovation)))
    best = fit.max(1)
    joint = state.chance * np.exp(fit - best[:, None])
    density = best + np.log(joint.sum(1)) - math.log(2.0 * math.pi)
    chance = np.maximum(joint, LEAST_CHANCE)
    rest = np.eye(4) - gain @ PLACE
    cov = rest @ state.cov @ rest.mT + gain @ noise[:, None] @ gain.mT
    mean = state.mean + (gain @ off[..., None])[..., 0]
    return States(mean, cov, chance / chance.sum(1, keepdims=True)), density


def between(earlier: States, later: States, before: Floats, after: Floats, motion: Motion) -> States:
    """States ``before`` seconds after the filtered ``earlier`` ones and ``after`` seconds before the smoothed ``later``
    ones: of each model before the step, over the models j after it, which move the target through all of it."""
    reach, spread = transition(before, motion)
    rest, drift = transition(after, motion)
    reach, rest = reach[:, None, None], rest[:, None, None]
    mean = reach @ earlier.mean[:, :, None, :, None]
    cov = reach @ earlier.cov[:, :, None] @ reach.mT + spread[:, None]
    foreseen = rest @ cov @ rest.mT + drift[:, None]
    gain = np.linalg.solve(foreseen, rest @ cov).mT
    off = later.mean[:, None, :, :, None] - rest @ mean
    distance = (off * np.linalg.solve(foreseen, off)).sum((-1, -2))
    fit = -0.5 * (distance + np.linalg.slogdet(foreseen).logabsdet)
    fit = np.maximum(fit - fit.max(1, keepdims=True), math.log(LEAST_CHANCE))
    mean = (mean + gain @ off)[..., 0]
    cov = cov + gain @ (later.cov[:, None] - foreseen) @ gain.mT
    joint = earlier.chance[:, :, None] * switches(before + after, motion) * np.exp(fit)
    joint *= (later.chance / joint.sum(1))[:, None]  # no model is quite excluded, so no sum is 0
    chance = joint.sum(2)
    weight = joint / chance[:, :, None]
    return States(*matched(weight, mean, cov), chance)


def matched(weight: Floats, mean: Floats, cov: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of a mixture over the last axis of ``weight``."""
    centre = np.einsum("...m,...ma->...a", weight, mean)
    off = mean - centre[..., None, :]
    whole = np.einsum("...m,...mab->...ab", weight, cov) + np.einsum("...m,...ma,...mb->...ab", weight, off, off)
    return centre, 0.5 * (whole + np.swapaxes(whole, -1, -2))


def collapsed(state: States) -> tuple[Floats, Floats]:
    return matched(state.chance, state.mean, state.cov)
