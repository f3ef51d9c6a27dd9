"""Fit: how the targets of a recording moved, by maximum likelihood, so that it is smoothed with no other assumption.

What the tracker assumes of a class must hold for the wildest of it, or a track is lost; smoothed with that, a report
would count for little beside the two about it. Which detection is of which target is known here.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from summit_fusion.jipda.settings import Motion
from summit_fusion.jipda.smooth import LEAST_CHANCE, History, likelihood

SCALES: Final = tuple(4.0**power for power in range(-4, 2))
"""Of the noise of a manoeuvre as the class has it. The likelihood is flat: between two of these nothing is gained."""
CRUISES: Final = (1.0 / 80.0, 1.0 / 8.0)
"""Of the noise of a manoeuvre: a target that cruises holds its course, or nearly."""
STRETCH, STRETCHES = 50, 100
"""Detections in a row that are looked at, and how many such."""
LEAST: Final = 50
"""Fewer detections tell nothing."""


def fitted(histories: Sequence[History], motion: Motion) -> Motion:
    """The likeliest motion among ``motion`` and those with its noise scaled; a sample without randomness decides."""
    parts = [
        History(one.at[k : k + STRETCH], one.z[k : k + STRETCH], one.noise[k : k + STRETCH])
        for one in histories
        for k in range(0, len(one.at) - 2, STRETCH)
    ]
    sample = list(islice(parts, 0, None, 1 + len(parts) // STRETCHES))
    if sum(len(part.at) for part in sample) < LEAST:
        return motion
    options = [
        replace(motion, q_cruise=share * scale * motion.q_manoeuvre, q_manoeuvre=scale * motion.q_manoeuvre)
        for scale in SCALES
        for share in CRUISES
    ]
    return max([motion, *options], key=lambda option: likelihood(sample, option))


def told(histories: Sequence[History], count: int, motion: Motion) -> float:
    """Logarithm of the likelihood of all ``count`` detections of a recording, were these the targets: the first of each
    and those that are of none may be anywhere, like those that nobody could foresee (`LEAST_CHANCE` a square metre)."""
    free = count - sum(len(one.at) - 1 for one in histories)
    return likelihood(histories, motion) + free * math.log(LEAST_CHANCE)
