"""The constant-velocity Kalman filter: state (east, north, v-east, v-north), metres and metres a second.

Positions are relative to the track itself: the state vector of a track at rest in its own frame is (0, 0, v-east,
v-north). Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", sections 5.2 and 6.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IDENTITY = np.eye(4)


@dataclass(frozen=True, slots=True)
class Innovation:
    """Measured minus predicted position and what it says: ``distance`` is the squared Mahalanobis distance (NIS)."""

    residual: Array
    cov: Array
    distance: float
    log_det: float

    @property
    def log_likelihood(self) -> float:
        """Log of the Gaussian density of the residual, per square metre."""
        return -0.5 * (self.distance + self.log_det) - float(np.log(2.0 * np.pi))


def predict(state: Array, cov: Array, dt: float, q: float) -> tuple[Array, Array]:
    """State and covariance ``dt`` seconds on; ``q`` is the power spectral density of white acceleration (m2/s3)."""
    transition = IDENTITY.copy()
    transition[0, 2] = transition[1, 3] = dt
    return transition @ state, transition @ cov @ transition.T + process_noise(abs(dt), q)


def process_noise(dt: float, q: float) -> Array:
    """Covariance that white acceleration adds in ``dt`` seconds (Bar-Shalom et al., equation 6.2.2-12)."""
    position, cross, velocity = q * dt**3 / 3.0, q * dt**2 / 2.0, q * dt
    return np.array(
        [
            [position, 0.0, cross, 0.0],
            [0.0, position, 0.0, cross],
            [cross, 0.0, velocity, 0.0],
            [0.0, cross, 0.0, velocity],
        ]
    )


def innovate(state: Array, cov: Array, measured: Array, noise: Array) -> Innovation:
    """Compare a measured position (east, north) and its covariance with the prediction."""
    total = cov[:2, :2] + noise
    residual = measured - state[:2]
    (ee, en), (_, nn) = total.tolist()
    east, north = residual.tolist()
    determinant = ee * nn - en * en
    distance = (nn * east * east - 2.0 * en * east * north + ee * north * north) / determinant
    return Innovation(residual, total, distance, float(np.log(determinant)))


def update(state: Array, cov: Array, innovation: Innovation, noise: Array) -> tuple[Array, Array]:
    """Measurement update in Joseph's form, which keeps the covariance symmetric and positive whatever the rounding."""
    gain = np.linalg.solve(innovation.cov, cov[:2]).T
    keep = IDENTITY.copy()
    keep[:, :2] -= gain
    updated = keep @ cov @ keep.T + gain @ noise @ gain.T
    return state + gain @ innovation.residual, (updated + updated.T) / 2.0
