"""Whether smoke in one direction stays: candidate, tentative, confirmed, fading, ended.

Published practice, where persistence over frames buys almost all of the precision: Pyronear's engine (``pyro-engine``,
Apache-2.0) demands the box in half of a window of 8 frames, its API three detections in 5 minutes with gaps of at most
2 minutes (``pyro-api``, ``core/config.py``); its comparison of methods (``vision-rd``, 302 sequences) gives plain
5-frame persistence F1 0.951 at 5 % false alarms, against 0.906 at 16 % for single frames. The rule here is k of n
frames over a least time, with the scores of the frames added up; once confirmed, one frame is enough to stay so.

Cameras tell of smoke and not of its absence. So frames without it are inferred: where the camera tells of something
beside it, and where smoke that was seen at short intervals pauses for several of them, as a flickering reflection does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

State = Literal["candidate", "tentative", "confirmed", "fading", "ended"]
STATES: tuple[State, ...] = ("candidate", "tentative", "confirmed", "fading", "ended")


@dataclass(frozen=True, slots=True)
class PersistenceSettings:
    """When smoke is believed. Times by the clock of the camera."""

    frames: int = 3
    """k: so many frames with smoke …"""
    of_frames: int = 5
    """… n: of so many in which the camera looked there …"""
    score: float = 1.2
    """… whose scores add up to this …"""
    least: timedelta = timedelta(seconds=60)
    """… the last at least this long after the first …"""
    window: timedelta = timedelta(seconds=300)
    """… and none of them older than this."""
    continuity: timedelta = timedelta(seconds=180)
    """Without smoke for so long, what was not confirmed ends and what was confirmed fades."""
    forgotten: timedelta = timedelta(minutes=15)
    """Fading for so long, it ends."""
    unscored: float = 0.6
    """The score of a frame that states none."""


DEFAULTS = PersistenceSettings()
KEPT_GAPS = 8


class Look(msgspec.Struct, frozen=True):
    """One frame in which the camera looked there; a score of 0: nothing."""

    at: datetime
    score: float


class Persistence(msgspec.Struct):
    """The state of one smoke, and why. It changes by frames (``hit``, ``miss``) and by time (``pass_to``)."""

    state: State = "candidate"
    reason: str = ""
    since: datetime | None = None
    hit_at: datetime | None = None
    looks: list[Look] = []
    gaps_s: list[float] = []
    """Last intervals between two frames with smoke."""

    def hit(self, at: datetime, score: float | None, settings: PersistenceSettings = DEFAULTS) -> None:
        """A frame with smoke there."""
        self.pass_to(at, settings)
        if self.state == "ended":
            self.state, self.since, self.hit_at, self.looks, self.gaps_s = "candidate", None, None, [], []
        self._pause(at, settings)
        self._look(at, settings.unscored if score is None else score, settings)
        self.since = self.since or at
        self.hit_at = at
        if self.state == "fading":
            self._become("confirmed", "confirmed before, seen again")
        elif self.state != "confirmed":
            self._believe(at, settings)

    def miss(self, at: datetime, settings: PersistenceSettings = DEFAULTS) -> None:
        """A frame that shows this direction, without smoke there."""
        if self.state == "ended" or (self.looks and at <= self.looks[-1].at):
            return
        self._look(at, 0.0, settings)
        if len(self.looks) == settings.of_frames and all(look.score == 0.0 for look in self.looks):
            self._cease(f"nothing in the last {settings.of_frames} frames")

    def pass_to(self, now: datetime, settings: PersistenceSettings = DEFAULTS) -> None:
        """Time goes by without a frame."""
        if self.hit_at is None or self.state == "ended":
            return
        silent = now - self.hit_at
        if silent > settings.continuity and self.state != "fading":
            self._cease(f"not seen for more than {settings.continuity.total_seconds():.0f} s")
        if silent > settings.forgotten and self.state == "fading":
            self._become("ended", f"not seen for more than {settings.forgotten.total_seconds() / 60:.0f} min")

    def _pause(self, at: datetime, settings: PersistenceSettings) -> None:
        """Frames without smoke since the last one with it, from the shortest interval at which smoke was seen."""
        if self.hit_at is None:
            return
        gap_s = (at - self.hit_at).total_seconds()
        self.gaps_s = [*self.gaps_s, gap_s][-KEPT_GAPS:]
        usual_s = min(self.gaps_s)
        if len(self.gaps_s) < 2 or usual_s <= 0.0:
            return
        told = sum(look.score == 0.0 and look.at > self.hit_at for look in self.looks)
        for _ in range(min(round(gap_s / usual_s) - 1 - told, settings.of_frames)):
            self._look(at, 0.0, settings)

    def _look(self, at: datetime, score: float, settings: PersistenceSettings) -> None:
        kept = [look for look in self.looks if at - look.at <= settings.window]
        self.looks = [*kept, Look(at, score)][-settings.of_frames :]

    def _believe(self, at: datetime, settings: PersistenceSettings) -> None:
        scores = [look.score for look in self.looks if look.score > 0.0]
        lasted = at - (self.since or at)
        seen = f"{len(scores)} of {len(self.looks)} frames, scores add up to {sum(scores):.1f}"
        seen += f", for {lasted.total_seconds():.0f} s"
        enough = len(scores) >= settings.frames and sum(scores) >= settings.score and lasted >= settings.least
        if enough:
            self._become("confirmed", seen)
        elif len(scores) > 1:
            self._become("tentative", seen)
        else:
            self._become("candidate", seen if len(self.looks) > 1 else "a single frame")

    def _cease(self, reason: str) -> None:
        self._become("fading" if self.state in {"confirmed", "fading"} else "ended", reason)

    def _become(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason
