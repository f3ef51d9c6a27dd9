"""Detections of one scan, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints


@dataclass(frozen=True, slots=True)
class Detections:
    """One sensor's detections in the local east-north frame, metres.

    ``z`` (n, 2); ``noise`` (n, 3): covariance xx, xy, yy in m2; ``at`` (n,): times in seconds, not later than ``time``.
    ``clutter``: false detections a square metre and scan. ``detect``: probability of detection inside the field of
    view; ``view`` (east, north, radius in metres) is that field, None means everywhere.
    """

    time: float
    z: Floats
    noise: Floats
    at: Floats
    clutter: float
    detect: float = 0.9
    view: tuple[float, float, float] | None = None
    sensor: str = ""
    key: Ints | None = None
    """Number of each detection, unique for ever: what arrives late is told from what is there by it."""

    def __post_init__(self) -> None:
        if not len(self.z) == len(self.noise) == len(self.at):
            raise ValueError("z, noise and at must have one row a detection")

    @classmethod
    def of(
        cls,
        time: float,
        z: Floats,
        noise: Floats,
        *,
        clutter: float,
        at: Floats | None = None,
        detect: float = 0.9,
        view: tuple[float, float, float] | None = None,
        sensor: str = "",
        key: Ints | None = None,
    ) -> tuple["Detections", int]:
        """A scan without its nonsense (not finite, no covariance, from the future), and how many that were."""
        times = np.full(len(z), time) if at is None else at
        with np.errstate(invalid="ignore", over="ignore"):
            good = np.isfinite(z).all(1) & np.isfinite(noise).all(1) & np.isfinite(times) & (times <= time)
            good &= (noise[:, 0] > 0) & (noise[:, 2] > 0)
            good &= noise[:, 0] * noise[:, 2] - noise[:, 1] ** 2 > 1e-12 * noise[:, 0] * noise[:, 2]
            good &= np.abs(z).max(1, initial=0.0) < 1e9
        places, kept = np.ascontiguousarray(z[good]), None if key is None else key[good]
        scan = cls(
            time, places, np.ascontiguousarray(noise[good]), times[good], clutter, detect, view, sensor, kept
        )  # fmt: skip
        return scan, int(len(z) - good.sum())

    def joined(self, more: Sequence["Detections"]) -> "Detections":
        """With those detections of other pieces of the same scan whose keys are not here yet, in order."""
        if self.key is None:
            raise ValueError("pieces of a scan are joined by the keys of their detections")
        offered = np.concatenate([np.empty(0, np.int64) if piece.key is None else piece.key for piece in more])
        key, first = np.unique(offered, return_index=True)
        place = np.minimum(np.searchsorted(key, self.key), len(key) - 1)
        known = np.zeros(len(key), np.bool_)
        known[place[key[place] == self.key]] = True
        rows = first[~known]
        z, noise, at = (
            np.concatenate([getattr(self, name), np.concatenate([getattr(piece, name) for piece in more])[rows]])
            for name in ("z", "noise", "at")
        )
        return replace(self, z=z, noise=noise, at=at, key=np.concatenate([self.key, offered[rows]]))

    def in_order(self) -> "Detections":
        """The same detections in the order of their keys."""
        if self.key is None:
            return self
        order = np.argsort(self.key, kind="stable")
        return replace(self, z=self.z[order], noise=self.noise[order], at=self.at[order], key=self.key[order])

    def probability(self, places: Floats) -> Floats:
        """Probability of detection at each of (n, 2) places: nothing is seen outside the field of view."""
        chance = np.full(len(places), self.detect)
        if self.view is not None:
            east, north, radius = self.view
            chance[(places[:, 0] - east) ** 2 + (places[:, 1] - north) ** 2 > radius * radius] = 0.0
        return chance
