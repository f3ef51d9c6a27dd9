"""Detections of one scan, as columns."""

from dataclasses import dataclass

import numpy as np

from summit_fusion.jipda.layout import Floats


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
    ) -> tuple["Detections", int]:
        """A scan without its nonsense (not finite, no covariance, from the future), and how many that were."""
        times = np.full(len(z), time) if at is None else at
        with np.errstate(invalid="ignore", over="ignore"):
            good = np.isfinite(z).all(1) & np.isfinite(noise).all(1) & np.isfinite(times) & (times <= time)
            good &= (noise[:, 0] > 0) & (noise[:, 2] > 0)
            good &= noise[:, 0] * noise[:, 2] - noise[:, 1] ** 2 > 1e-12 * noise[:, 0] * noise[:, 2]
            good &= np.abs(z).max(1, initial=0.0) < 1e9
        scan = cls(time, np.ascontiguousarray(z[good]), np.ascontiguousarray(noise[good]), times[good], clutter, detect)
        object.__setattr__(scan, "view", view)
        return scan, int(len(z) - good.sum())

    def probability(self, places: Floats) -> Floats:
        """Probability of detection at each of (n, 2) places: nothing is seen outside the field of view."""
        chance = np.full(len(places), self.detect)
        if self.view is not None:
            east, north, radius = self.view
            chance[(places[:, 0] - east) ** 2 + (places[:, 1] - north) ** 2 > radius * radius] = 0.0
        return chance
