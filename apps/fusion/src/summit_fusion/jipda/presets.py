"""How each class of target moves: the tracker's assumptions for a track whose class is known well enough.

A white acceleration of density q changes a velocity component by sqrt(q T) in T seconds. ``q_manoeuvre`` is set by the
change of velocity of a usual manoeuvre over its length, ``q_cruise`` by how much a target wanders that holds its course
(Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation", section 6.3.2).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from summit_fusion.jipda.layout import Floats
from summit_fusion.jipda.settings import Motion, TrackerSettings

PRESETS: Final[Mapping[str, TrackerSettings]] = MappingProxyType(
    {
        # 1 m/s within a second, then on: turns about, stops, starts
        "pedestrian": TrackerSettings(
            motion=Motion(0.02, 1.0, stay_cruise_s=30.0, stay_manoeuvre_s=5.0, speed_sigma_mps=2.0), mean_life_s=300.0
        ),
        # brakes at 3 m/s2 for 5 s, turns corners
        "vehicle": TrackerSettings(
            motion=Motion(0.1, 15.0, stay_cruise_s=30.0, stay_manoeuvre_s=8.0, speed_sigma_mps=15.0), mean_life_s=300.0
        ),
        # a quarter turn at 8 m/s in a minute; a fast boat does it in less
        "vessel": TrackerSettings(
            motion=Motion(0.005, 1.0, stay_cruise_s=300.0, stay_manoeuvre_s=45.0, speed_sigma_mps=7.0),
            mean_life_s=1800.0,
        ),
        # stops from 12 m/s in 4 s and goes elsewhere
        "uas": TrackerSettings(
            motion=Motion(0.2, 25.0, stay_cruise_s=25.0, stay_manoeuvre_s=6.0, speed_sigma_mps=12.0), mean_life_s=600.0
        ),
        # half turns at 80 m/s and 3 degrees a second, a minute each; over a fire they circle for hours
        "aircraft": TrackerSettings(
            motion=Motion(0.1, 200.0, stay_cruise_s=120.0, stay_manoeuvre_s=60.0, speed_sigma_mps=100.0),
            mean_life_s=1800.0,
        ),
    }
)
"""By the names of `ClassSettings.names`; ``default`` is what the tracker is set to."""


def motion_row(settings: TrackerSettings) -> Floats:
    """What `predict` needs of the settings: q of each model, mean stay in each, mean life (seconds)."""
    motion = settings.motion
    return np.array(
        [motion.q_cruise, motion.q_manoeuvre, motion.stay_cruise_s, motion.stay_manoeuvre_s, settings.mean_life_s]
    )


def motion_table(default: TrackerSettings, names: Sequence[str]) -> Floats:
    """Row 0 is ``default``, row c + 1 that of class c; a class without a preset moves like the default."""
    return np.stack([motion_row(default), *(motion_row(PRESETS.get(name, default)) for name in names)])
