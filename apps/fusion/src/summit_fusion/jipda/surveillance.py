"""What the tracker assumes of two kinds of surveillance that are far from the default: by what the sensors and targets
are, not by any recording of them."""

from dataclasses import replace
from typing import Final

from summit_fusion.jipda.height import HeightSettings
from summit_fusion.jipda.presets import PRESETS
from summit_fusion.jipda.settings import TrackerSettings

OUT_OF_REACH_S: Final = 120.0
"""An aircraft at 100 m/s that was silent for longer may be anywhere in 400 square kilometres."""


def reporting_aircraft(every_s: float) -> TrackerSettings:
    """Aircraft that report themselves (ADS-B), each about every ``every_s`` seconds while somebody hears it.

    There is no clutter and the sky is wide, so one report is nearly always of an aircraft, and of a known one where
    there is any. A turn at 30 degrees of bank is 5.7 m/s2 for 12 s, and a dive at a fire is as steep. Mountains hide an
    aircraft for a minute at a time, which is no sign that it is gone.
    """
    motion = replace(PRESETS["aircraft"].motion, q_cruise=5.0, q_manoeuvre=400.0)
    return replace(
        PRESETS["aircraft"], motion=motion, birth_density=1e-12, birth_existence=0.5, confirm=0.6,
        delete_tentative=0.001, height=HeightSettings(q=4.0),
        silence_s=max(10.0, 2.0 * every_s), forget_s=max(OUT_OF_REACH_S, 10.0 * every_s),
    )  # fmt: skip


def harbour() -> TrackerSettings:
    """Boats about a ship or a pier with radar and lidar: waves, land and reflections are seen in most scans.

    A single return is a boat in one of a hundred cases. A place that is worse than a boat is long is not shown: far out
    the radar sees that there is something and not where.
    """
    return replace(
        PRESETS["vessel"], birth_existence=0.01, confirm=0.99, delete_tentative=0.0005,
        publish_sigma_m=8.0,
    )  # fmt: skip
