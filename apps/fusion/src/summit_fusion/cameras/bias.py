"""How far the azimuths of each camera are off: one recursive estimate of all biases together.

A fix says nothing about a bias that the position of the fire could explain as well. So the position is taken out of the
residuals first: with C = P + R the covariance of residuals under the biases' own covariance P, and H the slopes of the
azimuths, ``M = C^-1 - C^-1 H (H' C^-1 H)^-1 H' C^-1`` is the information that is left, and the Kalman update is
``mean += P M r``, ``P -= P M P`` (a flat prior of the position: restricted maximum likelihood, Patterson and Thompson
1971). Two cameras have none left, and what turns a whole network like a shift of the fire stays as uncertain as it was.

The same M gives leave-one-out for nothing: ``(M r)_i / M_ii`` is what camera i measures against the fix of all others,
with variance ``1 / M_ii``, which is large for a camera that dominates the fix (Cook and Weisberg 1982, section 2.2).
That is how a camera is noticed that was knocked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np
from summit_core.geo import wrap_angle

from summit_fusion.locate import SightLine
from summit_fusion.locate.cameras import Array, Cameras


@dataclass(frozen=True, slots=True)
class BiasSettings:
    """What is believed about mounts. Angles in degrees, one standard deviation."""

    prior_deg: float = 0.5
    """Of a camera that was aligned by eye."""
    wander_deg: float = 0.05
    """How far a mount moves in a day (wind, heat, screws), as a random walk."""
    knocked_deg: float = 10.0
    """What is believed of a camera after it was knocked."""
    smoke_deg: float = 0.3
    """Smoke is no point, and a camera may see another one: each is off by so much for as long as one fire burns."""
    gate_sigma: float = 3.0
    """A camera that misses the fix of all others by more than this teaches nothing; again and again, it was knocked."""
    frames: int = 3
    """So many times in a row, and by the same angle."""
    continuity: timedelta = timedelta(minutes=10)
    """A camera that agreed on this fire so long ago and now differs was knocked; any other one may see something
    else, until it is off by the same angle at a second fire."""


DEFAULTS = BiasSettings()


class Disagreement(msgspec.Struct):
    """A camera has missed the fix of the others so often in a row, by this angle."""

    offset_deg: float
    sigma_deg: float
    since: datetime
    fires: list[str]
    count: int = 1


class Mount(msgspec.Struct):
    """What is remembered of one camera beside the estimate itself."""

    updates: int = 0
    note: str = "not measured yet"
    agreed_at: datetime | None = None
    agreed_on: str = ""
    off: Disagreement | None = None


class Bias(msgspec.Struct, frozen=True):
    """Measured azimuth minus true azimuth: subtract ``deg`` from what the camera says."""

    deg: float
    sigma_deg: float
    updates: int
    note: str


class BiasState(msgspec.Struct):
    """All of it, to be kept on disk."""

    names: list[str]
    mean: list[float]
    cov: list[list[float]]
    mounts: list[Mount]
    at: datetime | None


class Biases:
    """The biases of the cameras of one network, with their joint covariance (degrees). Pure: times come with the
    data."""

    def __init__(self, settings: BiasSettings = DEFAULTS) -> None:
        self._settings = settings
        self._index: dict[str, int] = {}
        self._mounts: list[Mount] = []
        self._mean: Array = np.zeros(0)
        self._cov: Array = np.zeros((0, 0))
        self._at: datetime | None = None

    def of(self, camera: str) -> Bias:
        """What is known of a camera; of one that was never heard of, the prior."""
        if camera not in self._index:
            return Bias(0.0, self._settings.prior_deg, 0, Mount().note)
        index = self._index[camera]
        mount = self._mounts[index]
        sigma = math.sqrt(max(float(self._cov[index, index]), 0.0))
        return Bias(float(self._mean[index]), sigma, mount.updates, mount.note)

    def joint(self, cameras: Sequence[str]) -> tuple[Array, Array]:
        """Mean and covariance of the biases of several cameras."""
        rows = self._rows(cameras)
        return self._mean[rows], self._cov[np.ix_(rows, rows)]

    def calibrate(
        self, camera: str, measured_deg: float, true_deg: float, *, at: datetime, sigma_deg: float = 0.1
    ) -> Bias:
        """The camera has measured a landmark whose true azimuth is known."""
        self._advance(at)
        (row,) = self._rows([camera])
        offset = wrap_angle(measured_deg - true_deg)
        mount = self._mounts[row]
        innovation = offset - float(self._mean[row])
        if innovation**2 > self._settings.gate_sigma**2 * (float(self._cov[row, row]) + sigma_deg**2):
            self._forget(row)
            mount.note = f"begun anew: a landmark was {innovation:+.1f} degrees off at {at:%Y-%m-%d %H:%M}"
        else:
            mount.note = f"landmark at {at:%Y-%m-%d %H:%M}"
        information = np.array([[1.0 / (float(self._cov[row, row]) + sigma_deg**2)]])
        self._update(np.array([row]), information, np.array([offset - self._mean[row]]))
        mount.off, mount.agreed_at = None, at
        return self.of(camera)

    def observe(
        self, fire: str, lines: Sequence[SightLine], lat: float, lon: float, *, at: datetime, lesson: int = 1
    ) -> list[str]:
        """The cameras see a confirmed fire, located at ``lat, lon``: learn from it; returns cameras found knocked.

        ``lines``: measured azimuths, not corrected, with the noise of the measurement alone. Cameras that miss the fix
        of the others take part in nothing. ``lesson`` counts the calls for this fire: however long it burns, it is one
        witness.
        """
        self._advance(at)
        rows = self._rows([line.source for line in lines])
        residual, slopes = _residuals(lines, lat, lon)
        frame = np.array([line.sigma_deg**2 for line in lines])
        frame += _curvature(np.diag(self._cov)[rows] + frame, slopes)
        noise = frame + self._settings.smoke_deg**2
        agreeing, off = self._agreeing(rows, residual, slopes, noise)
        if len(agreeing) < 3:
            return []
        for position in agreeing:
            self._agrees(int(rows[position]), fire, at)
        knocked = [p for p, offset, sigma in off if self._differs(int(rows[p]), fire, offset, sigma, at)]
        taught = [*agreeing, *knocked]
        if not knocked:
            noise = _noise_of_lesson(frame, self._settings.smoke_deg**2, lesson)
        information = _left_information(self._cov, rows[taught], slopes[taught], noise[taught])
        self._update(rows[taught], information, residual[taught] - self._mean[rows[taught]])
        return [lines[position].source for position in knocked]

    def save(self) -> BiasState:
        """Everything that is known."""
        return BiasState(list(self._index), self._mean.tolist(), self._cov.tolist(), self._mounts, self._at)

    def restore(self, state: BiasState) -> None:
        """Go on from there."""
        self._index = {name: index for index, name in enumerate(state.names)}
        self._mounts, self._at = state.mounts, state.at
        self._mean = np.array(state.mean, dtype=float)
        self._cov = np.array(state.cov, dtype=float).reshape(len(state.names), len(state.names))

    def recall(self, camera: str, deg: float, sigma_deg: float) -> None:
        """What was published of a camera before a restart, where nothing better is known."""
        if camera not in self._index:
            (row,) = self._rows([camera])
            self._mean[row], self._cov[row, row] = deg, sigma_deg**2
            self._mounts[row].note = "as it was before the restart"

    def _rows(self, cameras: Sequence[str]) -> Array:
        for camera in cameras:
            if camera not in self._index:
                count = len(self._index)
                self._index[camera] = count
                self._mounts.append(Mount())
                self._mean = np.append(self._mean, 0.0)
                cov = np.zeros((count + 1, count + 1))
                cov[:count, :count] = self._cov
                cov[count, count] = self._settings.prior_deg**2
                self._cov = cov
        return np.array([self._index[camera] for camera in cameras])

    def _advance(self, at: datetime) -> None:
        """Mounts wander; one that nobody has measured for long is believed like a new one, not worse."""
        if self._at is not None and at > self._at and len(self._mean):
            days = (at - self._at).total_seconds() / 86_400.0
            grown = np.diag(self._cov) + self._settings.wander_deg**2 * days
            limit = np.maximum(np.diag(self._cov), self._settings.prior_deg**2)
            np.fill_diagonal(self._cov, np.minimum(grown, limit))
        self._at = at if self._at is None else max(self._at, at)

    def _agreeing(
        self, rows: Array, residual: Array, slopes: Array, noise: Array
    ) -> tuple[list[int], list[tuple[int, float, float]]]:
        """Positions of the cameras that agree, and of those that miss the others' fix: by how much, and its sigma."""
        agreeing, off = list(range(len(rows))), list[tuple[int, float, float]]()
        while len(agreeing) >= 3:
            taken = rows[agreeing]
            information = _left_information(self._cov, taken, slopes[agreeing], noise[agreeing])
            pull = information @ (residual[agreeing] - self._mean[taken])
            own = np.maximum(np.diag(information), 1e-12)
            worst = int(np.argmax(np.abs(pull) / np.sqrt(own)))
            if abs(pull[worst]) / math.sqrt(own[worst]) <= self._settings.gate_sigma:
                return agreeing, off
            off.append((agreeing[worst], float(pull[worst] / own[worst]), 1.0 / math.sqrt(own[worst])))
            del agreeing[worst]
        return [], []

    def _agrees(self, row: int, fire: str, at: datetime) -> None:
        mount = self._mounts[row]
        mount.agreed_at, mount.agreed_on, mount.off = at, fire, None

    def _differs(self, row: int, fire: str, offset: float, sigma: float, at: datetime) -> bool:
        """One more frame in which the camera misses the others; true when that can only be its mount."""
        mount, limits = self._mounts[row], self._settings
        off = mount.off
        if off is None or abs(offset - off.offset_deg) > 3.0 * math.hypot(sigma, off.sigma_deg):
            mount.off = Disagreement(offset, sigma, at, [fire])
            return False
        off.count += 1
        off.offset_deg += (offset - off.offset_deg) / off.count
        if fire not in off.fires:
            off.fires.append(fire)
        was_right = (
            mount.agreed_on == fire and mount.agreed_at is not None and off.since - mount.agreed_at < limits.continuity
        )
        if off.count < limits.frames or not (was_right or len(off.fires) > 1):
            return False
        mount.note = (
            f"begun anew: knocked by {off.offset_deg:+.1f} degrees, seen {off.count} times since "
            f"{off.since:%Y-%m-%d %H:%M}"
        )
        self._forget(row)
        self._agrees(row, fire, at)
        return True

    def _forget(self, row: int) -> None:
        self._cov[row, :] = self._cov[:, row] = 0.0
        self._cov[row, row] = self._settings.knocked_deg**2
        self._mounts[row].updates = 0

    def _update(self, rows: Array, information: Array, innovation: Array) -> None:
        gain = self._cov[:, rows]
        self._mean = self._mean + gain @ information @ innovation
        cov = self._cov - gain @ information @ gain.T
        self._cov = (cov + cov.T) / 2.0
        for row in rows:
            mount = self._mounts[int(row)]
            mount.updates += 1
            if mount.updates == 1 and mount.note == Mount().note:
                mount.note = "learnt from fires"


def _residuals(lines: Sequence[SightLine], lat: float, lon: float) -> tuple[Array, Array]:
    """Measured minus true azimuth of each line (degrees), and how it varies with the position (degrees a metre)."""
    cameras = Cameras.of(lines)
    east, north, residual = cameras.sight(np.array([cameras.frame.to_enu(lat, lon)]))
    square = np.maximum(east[0] ** 2 + north[0] ** 2, 1.0)
    return np.degrees(residual[0]), np.degrees(np.stack([north[0], -east[0]], axis=1) / square[:, None])


def _left_information(cov: Array, rows: Array, slopes: Array, noise: Array) -> Array:
    """Information of the residuals about the biases when nothing is known of the position: M of the module's text."""
    inverse = np.linalg.inv(cov[np.ix_(rows, rows)] + np.diag(noise))
    seen = inverse @ slopes
    return np.asarray(inverse - seen @ np.linalg.pinv(slopes.T @ seen) @ seen.T)


def _curvature(variance: Array, slopes: Array) -> Array:
    """Squared error (degrees) of taking an azimuth as linear in the position, which is (miss / range)^2 / 2 radians:
    it decides near a camera, where the uncertainty of the position is no small part of the range."""
    information = (slopes / variance[:, None]).T @ slopes
    spread = max(0.0, float(np.trace(np.linalg.pinv(information))))
    return np.asarray((np.degrees(1.0) * spread * (np.radians(slopes) ** 2).sum(axis=1) / 2.0) ** 2)


def _noise_of_lesson(frame: Array, lasting: float, lesson: int) -> Array:
    """Variance of one more lesson: after k of them the variance is ``lasting + frame / k``, and not ``frame / k``."""
    after = 1.0 / (lasting + frame / lesson)
    before = 1.0 / (lasting + frame / (lesson - 1)) if lesson > 1 else 0.0
    return np.asarray(1.0 / (after - before + 1e-12))
