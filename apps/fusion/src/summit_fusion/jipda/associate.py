"""Associate: marginal probabilities of "this detection is of this track" by loopy belief propagation.

Williams and Lau, "Approximate evaluation of marginal association probabilities with belief propagation", IEEE TAES 50
(2014). Existence as in Musicki and Evans, "Joint integrated probabilistic data association", IEEE TAES 40 (2004).
"""

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.layout import Floats, Ints

MOST_ROUNDS = 60
SMALL = 1e-5


@kernel
def weigh(
    start: Ints, values: Floats, cruise: Floats, existence: Floats, detect: Floats, clutter: float, count: int
) -> tuple[Floats, Floats]:
    """``psi`` of each edge (seen here against unexplained) and of each track's miss. ``clutter``: false and new
    detections a square metre; ``detect``: probability of detection of each track."""
    psi, missed = np.empty(len(values)), np.empty(count)
    for i in range(count):
        seen = existence[i] * detect[i]
        missed[i] = 1.0 - seen
        for e in range(start[i], start[i + 1]):
            psi[e] = seen * (cruise[i] * values[e, 0] + (1.0 - cruise[i]) * values[e, 1]) / clutter
    return psi, missed


@kernel
def contested(start: Ints, edges: Ints, count: int, detections: int) -> tuple[Ints, int]:
    """Tracks with a detection that another track claims as well. The others need no second round."""
    claimants = np.zeros(detections, np.int64)
    for e in range(len(edges)):
        claimants[edges[e]] += 1
    tracks, found = np.empty(count, np.int64), 0
    for i in range(count):
        for e in range(start[i], start[i + 1]):
            if claimants[edges[e]] > 1:
                tracks[found] = i
                found += 1
                break
    return tracks, found


@inlined
def claim(
    start: Ints, edges: Ints, psi: Floats, missed: Floats, back: Floats, claims: Floats, total: Floats, i: int
) -> float:
    """Hear what the detections of one track say of its rivals, and claim them anew; returns the greatest change."""
    first, last = start[i], start[i + 1]
    whole, change = missed[i], 0.0
    for e in range(first, last):
        fresh = 1.0 / (1.0 + max(0.0, total[edges[e]] - claims[e]))
        change = max(change, abs(fresh - back[e]))
        back[e] = fresh
        whole += psi[e] * fresh
    for e in range(first, last):
        mine = psi[e] / (whole - psi[e] * back[e])
        total[edges[e]] += mine - claims[e]
        claims[e] = mine
    return change


@kernel
def associate(start: Ints, edges: Ints, psi: Floats, missed: Floats, detections: int) -> tuple[Floats, Floats, Floats]:
    """Marginals: of each edge, of each track's miss, and of each detection that it is of no known track.

    Messages go round track by track, each with what the ones before it have just said: half as many rounds as all at
    once.
    """
    count = len(missed)
    claims, back, total = np.zeros(len(psi)), np.ones(len(psi)), np.zeros(detections)
    for i in range(count):
        claim(start, edges, psi, missed, back, claims, total, i)
    tracks, rivals = contested(start, edges, count, detections)
    for _ in range(MOST_ROUNDS):
        moving = 0
        for k in range(rivals):
            if claim(start, edges, psi, missed, back, claims, total, tracks[k]) > SMALL:
                tracks[moving] = tracks[k]
                moving += 1
        rivals = moving  # one that has settled needs no further round
    share, none = np.empty(len(psi)), np.empty(count)
    for i in range(count):
        whole = missed[i]
        for e in range(start[i], start[i + 1]):
            back[e] = 1.0 / (1.0 + max(0.0, total[edges[e]] - claims[e]))
            whole += psi[e] * back[e]
        none[i] = missed[i] / whole
        for e in range(start[i], start[i + 1]):
            share[e] = psi[e] * back[e] / whole
    return share, none, 1.0 / (1.0 + total)
