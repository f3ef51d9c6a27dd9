"""Detections of one scan, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from summit_fusion.jipda.classes import sane_classes
from summit_fusion.jipda.height import sane_heights
from summit_fusion.jipda.layout import Floats, Ints
from summit_fusion.jipda.sane import LATEST_S, sane

NOTHING: Final = {"alt": np.nan, "alt_sigma": np.nan, "identity": 0, "class_p": 0.0, "clutter_at": np.nan}
"""Columns that a scan may have, and what stands for a detection that tells nothing there."""


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
    alt: Floats | None = None
    """(n,) metres above the ellipsoid and ``alt_sigma`` (n,), its standard deviation; NaN where there is none."""
    alt_sigma: Floats | None = None
    identity: Ints | None = None
    """(n,) `identity.hashed`, 0 where there is none."""
    class_p: Floats | None = None
    """(n, C) calibrated probabilities of `ClassSettings.names`, a row of zeros where there are none."""
    detector: str = ""
    """Whose confusion matrix ``class_p`` goes through."""
    clutter_at: Floats | None = None
    """(n,) false detections a square metre and scan about each detection (`clutter.ClutterMap`), NaN: ``clutter``."""

    def __post_init__(self) -> None:
        if not len(self.z) == len(self.noise) == len(self.at):
            raise ValueError("z, noise and at must have one row a detection")
        wrong = [name for name, column in self.told.items() if len(column) != len(self.z)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} must have one row a detection")
        if (self.alt is None) != (self.alt_sigma is None):
            raise ValueError("alt and alt_sigma belong together")

    @property
    def told(self) -> dict[str, Any]:
        """The columns beside the position that the scan has."""
        return {name: column for name in NOTHING if (column := getattr(self, name)) is not None}

    @property
    def tells_more(self) -> bool:
        """Of the target itself, not of what is around it as ``clutter_at`` does."""
        return self.identity is not None or self.alt is not None or self.class_p is not None

    @property
    def of_a_time(self) -> bool:
        """Whether its time is one; a scan of no time moves nothing."""
        return abs(self.time) < LATEST_S

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
        alt: Floats | None = None,
        alt_sigma: Floats | None = None,
        identity: Ints | None = None,
        class_p: Floats | None = None,
        detector: str = "",
    ) -> tuple["Detections", int]:
        """A scan without its nonsense (`sane`), and how many that were.

        A nonsensical height or class costs no detection: it tells nothing."""
        times = np.full(len(z), time) if at is None else at
        good = sane(time, z, noise, times, identity)
        places, kept = np.ascontiguousarray(z[good]), None if key is None else key[good]
        scan = cls(
            time, places, np.ascontiguousarray(noise[good]), times[good], clutter, detect, view, sensor, kept,
            detector=detector,
        )  # fmt: skip
        more: dict[str, Any] = {}
        if alt is not None and alt_sigma is not None:
            more["alt"], more["alt_sigma"] = sane_heights(alt[good], alt_sigma[good])
        if identity is not None:
            more["identity"] = identity[good]
        if class_p is not None:
            more["class_p"] = sane_classes(class_p[good])
        return replace(scan, **more) if more else scan, int(len(z) - good.sum())

    def joined(self, more: Sequence["Detections"]) -> "Detections":
        """With those detections of other pieces of the same scan whose keys are not here yet, in order."""
        if self.key is None:
            raise ValueError("pieces of a scan are joined by the keys of their detections")
        offered = np.concatenate([np.empty(0, np.int64) if piece.key is None else piece.key for piece in more])
        key, first = np.unique(offered, return_index=True)
        alike = np.zeros(1 << 16, np.bool_)  # most of what is here has nothing in common with what is offered
        alike[key & 0xFFFF] = True
        rows = first[~np.isin(key, self.key[alike[self.key & 0xFFFF]])]
        z, noise, at = (
            np.concatenate([getattr(self, name), np.concatenate([getattr(piece, name) for piece in more])[rows]])
            for name in ("z", "noise", "at")
        )
        told: dict[str, Any] = {}
        for name, like in {name: column for piece in (self, *more) for name, column in piece.told.items()}.items():
            mine, *theirs = (piece.told.get(name, _untold(name, like, len(piece.z))) for piece in (self, *more))
            told[name] = np.concatenate([mine, np.concatenate(theirs)[rows]])
        told["detector"] = max(piece.detector for piece in (self, *more))
        return replace(self, z=z, noise=noise, at=at, key=np.concatenate([self.key, offered[rows]]), **told)

    def in_order(self) -> "Detections":
        """The same detections in the order of their keys."""
        if self.key is None or bool((self.key[1:] >= self.key[:-1]).all()):
            return self
        order = np.argsort(self.key, kind="stable")
        told = {name: column[order] for name, column in self.told.items()}
        return replace(self, z=self.z[order], noise=self.noise[order], at=self.at[order], key=self.key[order], **told)

    def probability(self, places: Floats) -> Floats:
        """Probability of detection at each of (n, 2) places: nothing is seen outside the field of view."""
        chance = np.full(len(places), self.detect)
        if self.view is not None:
            east, north, radius = self.view
            chance[(places[:, 0] - east) ** 2 + (places[:, 1] - north) ** 2 > radius * radius] = 0.0
        return chance


def _untold(name: str, like: NDArray[Any], rows: int) -> NDArray[Any]:
    """The column of as many detections that tell nothing, of the type and width of another one."""
    return np.full((rows, *like.shape[1:]), NOTHING[name], like.dtype)
