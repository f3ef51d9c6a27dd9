"""Coalesce no more: what two tracks share does not make one of them.

Near each other, tracks with soft shares are drawn to the mean of both targets, and when these part it is chance who
follows whom. So of two ways in which two tracks can have the same two detections only the likelier one is kept, and it
takes over the probability of the other: hard between tracks, soft against misses and false detections, where it must
be. Blom and Bloem, "Probabilistic data association avoiding track coalescence", IEEE TAC 45 (2000).
"""

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.associate import contested
from summit_fusion.jipda.layout import Floats, Ints

HARDLY = 0.02
"""Less than this share of a track is nothing to argue about; a crowd in which nobody has more costs nothing."""
SHARPER = 64
"""Of two ways as likely as each other neither wins; how fast one does is to the power of this."""


@kernel
def keep_apart(start: Ints, edges: Ints, psi: Floats, share: Floats, count: int, detections: int) -> None:
    """Change ``share`` in place; its sums over each track and over each detection stay."""
    tracks, rivals = contested(start, edges, count, detections)
    if rivals > 1:
        found, moved = swaps(start, edges, psi, share, tracks, rivals, detections)
        if len(found) > 0:
            uncross(found, moved, share)


@kernel
def weigh_ways(psi: Floats, share: Floats, a1: int, b2: int, a2: int, b1: int, ways: Ints) -> float:
    """Write the edges of the likelier way and those of the other one; returns the probability that both hold it."""
    straight, crossed = psi[a1] * psi[b2], psi[a2] * psi[b1]
    if straight >= crossed:
        ways[0], ways[1], ways[2], ways[3] = a1, b2, a2, b1
    else:
        ways[0], ways[1], ways[2], ways[3] = a2, b1, a1, b2
    likelier, x, y = max(straight, crossed), ways[2], ways[3]
    if likelier <= 0.0:
        return 0.0
    both = share[x] * share[y] / max(1.0 - share[ways[1]], share[y], 1e-300)
    return float(both * (1.0 - (min(straight, crossed) / likelier) ** SHARPER))


@kernel
def swaps(
    start: Ints, edges: Ints, psi: Floats, share: Floats, tracks: Ints, rivals: int, detections: int
) -> tuple[Ints, Floats]:
    """Where two tracks may have two detections either way round: the edges of the likelier way and of the other one (a
    row each), and how much probability goes from this to that."""
    last, before = np.full(detections, -1, np.int64), np.empty(len(edges), np.int64)
    owner = np.empty(len(edges), np.int64)
    room, used = 64, 0
    found, moved = np.empty((room, 4), np.int64), np.empty(room)
    for k in range(rivals):
        b = tracks[k]
        for b1 in range(start[b], start[b + 1]):
            if share[b1] < HARDLY:
                continue
            a1 = last[edges[b1]]
            while a1 >= 0:
                a = owner[a1]
                for b2 in range(start[b], b1):
                    for a2 in range(start[a], start[a + 1]):
                        if edges[a2] != edges[b2] or share[a2] < HARDLY or share[b2] < HARDLY:
                            continue
                        if used == room:
                            room *= 2
                            found = np.concatenate((found, np.empty_like(found)))
                            moved = np.concatenate((moved, np.empty_like(moved)))
                        moved[used] = weigh_ways(psi, share, a1, b2, a2, b1, found[used])
                        used += 1
                a1 = before[a1]
        for e in range(start[b], start[b + 1]):
            if share[e] >= HARDLY:
                before[e], owner[e], last[edges[e]] = last[edges[e]], b, e
    return found[:used], moved[:used]


@kernel
def uncross(found: Ints, moved: Floats, share: Floats) -> None:
    """Move it, in place. All at once and never more than there is, so that no order matters."""
    leaving = np.zeros(len(share))
    for k in range(len(found)):
        leaving[found[k, 2]] += moved[k]
        leaving[found[k, 3]] += moved[k]
    had = share.copy()
    for k in range(len(found)):
        x, y = found[k, 2], found[k, 3]
        part = moved[k] * min(1.0, had[x] / max(leaving[x], 1e-300), had[y] / max(leaving[y], 1e-300))
        share[found[k, 0]] += part
        share[found[k, 1]] += part
        share[x] -= part
        share[y] -= part
