"""Cooperative identities as evidence: an ICAO address, an MMSI, a MAVLink system id or a device's key is usually right.

Usually: transponders are mistyped, two devices share one identity, and anybody can transmit somebody else's. So a track
*believes* in an identity, and an equal or a different one makes an association likelier or less likely by a ratio that
follows from how often identities are wrong. A track holds one identity of each scheme.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import Floats, Ints, Marks

SCHEMES: Final = ("icao", "mmsi", "mavlink", "device")
"""``scheme:name``; every other scheme counts as the last. The last two bits of a hash say which one it is."""
MOST_BELIEF: Final = 1.0 - 1e-6
"""Three messages in a row that say otherwise change any belief."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """``wrong``: probability that a detection of a target tells another identity than the target's. ``shared``: that
    something else tells the identity of a track (a duplicate, or spoofed). ``silent``: how likely a target that has an
    identity is seen without one where identities are read, against one that has none."""

    wrong: float = 1e-3
    shared: float = 1e-3
    silent: float = 0.5

    def __post_init__(self) -> None:
        if not (0.0 < self.wrong < 0.5 and 0.0 < self.shared < 0.5 and 0.0 < self.silent <= 1.0):
            raise ValueError("wrong and shared must lie between 0 and 0.5, silent between 0 and 1")

    def row(self) -> Floats:
        return np.array([self.wrong, self.shared, self.silent])


def hashed(identity: str) -> int:
    """A signed 64-bit hash of ``icao:ab12cd``, ``mmsi:235012345``, ``mavlink:7``, ``device:…``; never 0."""
    scheme, _, name = identity.partition(":")
    scheme = scheme.lower()
    slot = SCHEMES.index(scheme) if scheme in SCHEMES else len(SCHEMES) - 1
    text = f"{scheme}:{name.lower() if scheme == 'icao' else name}"
    value = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
    return (value & ~3 | slot) or 4


@kernel
def weigh_identities(
    psi: Floats, identity: Ints, belief: Floats, start: Ints, edges: Ints, told: Ints, model: Floats
) -> None:
    """Multiply ``psi`` of each edge by the ratio of "of this track" to "of something else". ``told``: hashes."""
    wrong, shared, silent = model[0], model[1], model[2]
    for i in range(len(start) - 1):
        for e in range(start[i], start[i + 1]):
            hash_ = told[edges[e]]
            if hash_ == 0:
                sure = belief[i].max()
                psi[e] *= sure * silent + 1.0 - sure
                continue
            slot = hash_ & 3
            sure = belief[i, slot]
            if identity[i, slot] == hash_:
                psi[e] *= (sure * (1.0 - wrong) + (1.0 - sure) * shared) / shared
            else:
                psi[e] *= sure * wrong + 1.0 - sure


@kernel
def learn_identities(
    identity: Ints, former: Ints, belief: Floats, existence: Floats, start: Ints, edges: Ints, share: Floats,
    told: Ints, model: Floats,
) -> None:  # fmt: skip
    """All rows in place: Bayes' rule, weighed by the probability that the detection is the track's own.

    What is more likely wrong than right gives way to what was told instead, and ``former`` keeps it."""
    wrong, shared = model[0], model[1]
    before = np.empty(belief.shape[1])
    for i in range(len(start) - 1):
        before[:] = belief[i]
        for e in range(start[i], start[i + 1]):  # each against what was believed before: their order must not matter
            hash_, weight = told[edges[e]], min(1.0, share[e] / existence[i]) if existence[i] > 0.0 else 0.0
            if hash_ == 0:
                continue
            slot = hash_ & 3
            sure = before[slot]
            if identity[i, slot] == hash_:
                after = sure * (1.0 - wrong) / (sure * (1.0 - wrong) + (1.0 - sure) * shared)
            else:
                after = sure * wrong / (sure * wrong + 1.0 - sure)
            belief[i, slot] += weight * (after - sure)
        for slot in range(len(before)):
            belief[i, slot] = min(MOST_BELIEF, max(0.0, belief[i, slot]))
        for e in range(start[i], start[i + 1]):
            hash_, weight = told[edges[e]], min(1.0, share[e] / existence[i]) if existence[i] > 0.0 else 0.0
            slot = hash_ & 3
            if hash_ != 0 and weight > 0.5 and identity[i, slot] != hash_ and belief[i, slot] < 0.5:
                former[i, slot], identity[i, slot] = identity[i, slot], hash_
                belief[i, slot] = weight * (1.0 - wrong) * (1.0 - belief[i, slot])


def conflicting(identity: Ints, belief: Floats, places: Floats, cov: Floats, reach: float) -> Marks:
    """Tracks that share an identity though they are too far apart to be one: ``places`` (n, 2) and ``cov`` (n, 2, 2) at
    one time, ``reach`` a squared Mahalanobis distance. All holders of it are marked: who is right is not known here."""
    marks = np.zeros(len(identity), np.bool_)
    rows, slots = np.nonzero((identity != 0) & (belief > 0.5))
    held = identity[rows, slots]
    order = np.argsort(held, kind="stable")
    rows, held = rows[order], held[order]
    first = np.flatnonzero(np.concatenate([[True], held[1:] != held[:-1]])) if len(held) else np.empty(0, np.int64)
    if len(first) == len(held):
        return marks
    widest = np.maximum.reduceat(np.maximum(cov[rows, 0, 0], cov[rows, 1, 1]), first)
    apart = np.maximum.reduceat(places[rows], first) - np.minimum.reduceat(places[rows], first)
    far = apart.max(1) > 2.0 * np.sqrt(reach * widest)
    marks[rows[np.repeat(far, np.diff(np.append(first, len(held))))]] = True
    return marks
