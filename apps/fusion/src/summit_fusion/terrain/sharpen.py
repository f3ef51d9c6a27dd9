"""Positions from bearings, weighed by what the terrain and the elevation angles say of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from summit_fusion.locate import Fix, FixHypothesis, LocateSettings
from summit_fusion.locate.cameras import Array
from summit_fusion.terrain.band import Band
from summit_fusion.terrain.plane import Plane

REACH_SIGMA = 3.5
ALONG, ACROSS = 401, 41
"""Points over the longer and the shorter axis of an error ellipse."""
NEGLIGIBLE = 0.01


def sharpen(fix: Fix, bands: Sequence[Band], settings: LocateSettings | None = None) -> Fix:
    """The fix with its hypotheses moved, narrowed and weighed anew by ``bands``: one for each camera over the terrain.

    Mean and covariance of the error ellipse times the weights along each ray; a hypothesis that no terrain allows
    loses its weight. A fix that was ambiguous only for its size (``poor_geometry``) is no longer so once it is small.
    Unchanged when there are no hypotheses or no bands, and when the terrain allows none of them.
    """
    weighed = [_weigh(one, bands) for one in fix.hypotheses] if bands else []
    total = sum(one.weight for one in weighed)
    if total <= 0.0:
        return fix
    kept = sorted((replace(one, weight=one.weight / total) for one in weighed), key=lambda one: -one.weight)
    hypotheses = tuple(one for one in kept if one.weight > NEGLIGIBLE)
    limits = settings or LocateSettings()
    longest = float(np.sqrt(np.linalg.eigvalsh(np.array(hypotheses[0].cov_m2))[1]))
    settled = fix.reason == "poor_geometry" and len(hypotheses) == 1 and longest <= limits.poor_sigma_m
    reason = None if settled else fix.reason
    return Fix(ambiguous=reason is not None, reason=reason, hypotheses=hypotheses)


def _weigh(one: FixHypothesis, bands: Sequence[Band]) -> FixHypothesis:
    plane, (points, prior) = Plane(one.lat, one.lon), _grid(np.array(one.cov_m2))
    lat, lon = plane.to_geodetic(points)
    weights = prior.copy()
    for band in bands:
        weights *= band.weight(lat, lon)
    evidence = float(weights.sum())
    if evidence <= 0.0:
        return replace(one, weight=0.0)
    weights /= evidence
    mean = weights @ points
    (ee, en), (_, nn) = ((points - mean).T @ ((points - mean) * weights[:, None])).tolist()
    (to_lat,), (to_lon,) = plane.to_geodetic(mean[None, :])
    return replace(one, lat=float(to_lat), lon=float(to_lon), cov_m2=((ee, en), (en, nn)), weight=one.weight * evidence)


def _grid(cov: Array) -> tuple[Array, Array]:
    """Points over an error ellipse (shape (n, 2), metres from its middle) and their probability."""
    variances, axes = np.linalg.eigh(cov)
    across, along = (np.linspace(-REACH_SIGMA, REACH_SIGMA, count) for count in (ACROSS, ALONG))
    u, v = (axis.ravel() for axis in np.meshgrid(across, along))
    points = np.stack([u, v], axis=1) * np.sqrt(np.maximum(variances, 0.0)) @ axes.T
    prior = np.exp(-0.5 * (u * u + v * v))
    return np.asarray(points), np.asarray(prior / prior.sum())
