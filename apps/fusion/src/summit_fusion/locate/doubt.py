"""What a fix cannot exclude: that one of its lines is wrong and nothing would show it, or that what was left out
mattered."""

import math

import numpy as np

from summit_fusion.locate.cameras import Array, Cameras, Mask


def normals(cameras: Cameras, point: Array) -> Array:
    """How each azimuth (in standard deviations) varies with the position: rows (de, dn) a metre, shape (n, 2)."""
    east, north, _ = cameras.sight(point[None, :])
    square = np.maximum(east[0] ** 2 + north[0] ** 2, 1.0)
    return np.asarray(np.stack([north[0], -east[0]], axis=1) / (square * cameras.sigma)[:, None])


def spread_by_what_was_left_out(rows: Array, used: Mask) -> float:
    """Size of the error ellipse against that of all lines together: large when the position rested on those that were
    left out, and then what remains is not what it seems."""
    return math.sqrt(_trace_of_inverse(rows[used]) / _trace_of_inverse(rows))


def wrong_unnoticed(cameras: Cameras, rows: Array, used: Mask, cost: float, rate: float, spread_deg: float) -> float:
    """Odds that one of three lines is wrong though all three meet, against that all are right.

    Leaving a line out leaves its direction open by its own noise and that of the crossing of the other two; the wider
    that is, the more likely a wrong line hits it by chance (Laplace's factor: MacKay, "Information Theory, Inference,
    and Learning Algorithms", section 28.1). ``rate``: prior of a wrong line, which points anywhere in ``spread_deg``.
    """
    total = 0.0
    for line in np.flatnonzero(used):
        others = np.array([index for index in np.flatnonzero(used) if index != line])
        information = rows[others].T @ rows[others]
        open_sigma = math.sqrt(1.0 + float(rows[line] @ np.linalg.pinv(information) @ rows[line]))
        width = math.sqrt(2.0 * math.pi) * float(cameras.sigma[line]) * open_sigma / math.radians(spread_deg)
        total += rate / (1.0 - rate) * min(1.0, width) * math.exp(min(50.0, cost / 2.0))
    return total


def _trace_of_inverse(rows: Array) -> float:
    information = rows.T @ rows
    determinant = float(np.linalg.det(information))
    return float(np.trace(information)) / max(determinant, 1e-30)
