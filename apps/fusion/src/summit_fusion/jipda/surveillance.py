"""What the tracker assumes of two kinds of surveillance that are far from the default: by what the sensors and targets
are, not by any recording of them."""

from dataclasses import replace
from typing import Final

from summit_fusion.jipda.height import HeightSettings
from summit_fusion.jipda.presets import PRESETS
from summit_fusion.jipda.settings import TrackerSettings

OUT_OF_REACH_S: Final = 120.0
"""An aircraft at 100 m/s that was silent for longer may be anywhere in 400 square kilometres."""
NEW_TARGETS: Final = 1e-12
"""A square metre in the time between two reports of a target; the scans state it with their clutter, for the part of
that time that they are of."""
SHOWN_S: Final = 5.0
HEIGHT_Q: Final = 4.0
TURN_MPS2: Final = 10.0
"""Two turns at 30 degrees of bank (5.7 m/s2 each), one after the other to either side; a dive at a fire is as steep."""
LONGEST_TURN_S: Final = 4.0
SUDDEN: Final = 0.8
"""Of the speed that a target of the class may have: what one report may say other than the last one did."""
SOUGHT, LEAST_SOUGHT_S = 6.0, 10.0
"""Reports, and seconds, after which a silent target of a recording is no longer waited for."""


def reporting(kind: str, every_s: float) -> TrackerSettings:
    """Targets that report themselves (ADS-B, AIS), each about every ``every_s`` seconds while somebody hears it.

    ``kind``: of `presets.PRESETS`. There is no clutter and much room, so one report is nearly always of a target, and
    of a known one where there is any. Mountains hide a target for a minute at a time, which is no sign that it is gone,
    but where it is then nobody knows: it is shown for three reports that are missing.
    """
    preset, motion = PRESETS[kind], PRESETS[kind].motion
    if kind == "aircraft":  # what a turn adds to the velocity between two reports, as white acceleration
        q = TURN_MPS2**2 * min(max(every_s, 1.0), LONGEST_TURN_S)
        motion = replace(motion, q_cruise=q / 80.0, q_manoeuvre=q)
    return replace(
        preset, motion=motion, birth_density=0.0, birth_existence=0.5,
        confirm=0.6, delete_tentative=0.001, height=HeightSettings(q=HEIGHT_Q),
        publish_s=max(SHOWN_S, 3.0 * every_s), silence_s=2.0 * every_s,
        forget_s=max(OUT_OF_REACH_S, 10.0 * every_s),
    )  # fmt: skip


def sought(settings: TrackerSettings, every_s: float) -> TrackerSettings:
    """The same for a recording that is smoothed afterwards: a target may turn anywhere between two of its reports, as
    in a recording that was thinned and filled up again with straight lines. Where it was, smoothing tells by how the
    targets did move (`fit`); here nothing matters but that nobody is lost. Who was silent for longer is anywhere then,
    and would take what others report: `stitch` tells who came back."""
    motion = settings.motion
    q = max(motion.q_manoeuvre, (SUDDEN * motion.speed_sigma_mps) ** 2 / every_s)
    forget_s = min(settings.forget_s, max(LEAST_SOUGHT_S, SOUGHT * every_s))
    return replace(settings, motion=replace(motion, q_manoeuvre=q), forget_s=forget_s)


def harbour() -> TrackerSettings:
    """Boats about a ship or a pier with radar and lidar: waves, land and reflections are seen in most scans.

    A single return is a boat in one of a hundred cases. A place that is worse than a boat is long is not shown: far out
    the radar sees that there is something and not where.
    """
    return replace(
        PRESETS["vessel"], birth_existence=0.01, confirm=0.99, delete_tentative=0.0005,
        publish_sigma_m=8.0,
    )  # fmt: skip
