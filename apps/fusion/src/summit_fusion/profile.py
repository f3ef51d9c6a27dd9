"""What is known of a track beside its motion: who reported it, as what, how often, and what it rests on."""

import hashlib
from collections.abc import Iterable, Mapping, Set
from typing import Final

import msgspec
from msgspec.structs import replace
from summit_core.model import Contribution

from summit_fusion.hotspots.rows import when
from summit_fusion.scans import KNOWN_CLASSES, Report

OWN: Final = 0.5
"""A detection that was of a track with more than this probability counts as its own."""
MOST_CAUSES: Final = 16
MOST_SOURCES: Final = 16
COUNTED: Final = 256
"""Detections that are remembered as counted: more than one track gets within the window of late data."""


class Given(msgspec.Struct):
    """What one source has given; ``observed``: when, unix seconds."""

    updates: int = 0
    observation: str = ""
    observed: float = 0.0
    probability: float = 0.0
    class_: str = ""


class Profile(msgspec.Struct):
    """``id`` is the one that the world sees. Times are unix seconds: ``observed`` by the clock of the source of the
    last report, ``heard`` by ours. ``words``: the last word for each class that the tracker tells apart."""

    id: str
    observed: float = 0.0
    heard: float = 0.0
    interval_s: float = 0.0
    updates: int = 0
    label: str = ""
    stated: str = ""
    words: dict[str, str] = {}
    alt_m: float | None = None
    identities: list[str] = []
    given: dict[str, Given] = {}
    causes: list[str] = []
    counted: dict[int, float] = {}
    pinned: bool = False

    def absorb(self, claims: Iterable[tuple[int, float]], reports: Mapping[int, Report]) -> bool:
        """Count the detections (key, probability; oldest first) that were not counted yet; whether there were any."""
        fresh = False
        for key, share in claims:
            report = reports[key]
            if key in self.counted:
                self._given(report).probability = share
                continue
            fresh = True
            self.counted[key] = report.at
            self.hear(report)
            given = self._given(report)
            given.updates, given.probability = given.updates + 1, share
            self._count(report)
        while len(self.counted) > COUNTED:
            del self.counted[next(iter(self.counted))]
        return fresh

    def hear(self, report: Report) -> None:
        """The words of a report; also of one that is too old to move the track."""
        if report.observed >= self.observed or not self.label:
            self.label = report.label or self.label
        if report.class_:
            self.stated = report.class_
            known = KNOWN_CLASSES.get(report.class_)
            if known is not None:
                self.words[known] = report.class_
        if report.identity and report.identity not in self.identities:
            self.identities.append(report.identity)
        given = self._given(report)
        if report.observed >= given.observed:
            given.observation, given.observed, given.class_ = report.observation, report.observed, report.class_

    def believe(self, identities: Set[str], told: Set[str]) -> None:
        """Of all that it was said to be, what it most probably is, or what people have told; when nothing is sure,
        all."""
        if identities:
            self.identities = [one for one in self.identities if one in identities or one in told]

    def merge(self, other: "Profile") -> None:
        """Take over what another one had; this one's words win."""
        self.updates += other.updates
        self.observed, self.heard = max(self.observed, other.observed), max(self.heard, other.heard)
        self.label, self.stated = self.label or other.label, self.stated or other.stated
        self.words = other.words | self.words
        self.identities += [one for one in other.identities if one not in self.identities]
        self.given = {source: replace(given) for source, given in other.given.items()} | self.given
        self.causes = [*other.causes, *self.causes][-MOST_CAUSES:]
        self.counted = other.counted | self.counted

    def part(self, other: "Profile") -> None:
        """Give back what another one had."""
        self.identities = [one for one in self.identities if one not in other.identities]
        self.given = {source: given for source, given in self.given.items() if source not in other.given}

    def may_have_sent(self, report: Report) -> bool:
        """Whether a report may be of this one, by who sent it and what it says it is."""
        return report.identity in self.identities if report.identity else report.source in self.given

    def class_of(self, classes: Mapping[str, float]) -> str | None:
        """The word for what it most probably is, else what was last said."""
        best = max(classes, key=lambda name: classes[name], default="")
        return self.words.get(best) or self.stated or None

    def contributions(self) -> tuple[Contribution, ...]:
        """The latest first."""
        ordered = sorted(self.given.items(), key=lambda item: (-item[1].observed, item[0]))
        return tuple(
            Contribution(
                source=source,
                updates=given.updates,
                observation=given.observation,
                observed_at=when(given.observed),
                probability=round(min(1.0, given.probability), 4),
                class_=given.class_ or None,
            )
            for source, given in ordered
            if given.updates
        )

    def _count(self, report: Report) -> None:
        if self.updates and report.observed > self.observed:
            gap = report.observed - self.observed
            self.interval_s = gap if self.updates == 1 else 0.8 * self.interval_s + 0.2 * gap
        self.updates += 1
        self.observed, self.heard = max(self.observed, report.observed), max(self.heard, report.heard)
        self.alt_m = self.alt_m if report.alt_m is None else report.alt_m
        self.causes = [*self.causes, report.observation][-MOST_CAUSES:]

    def _given(self, report: Report) -> Given:
        given = self.given.get(report.source)
        if given is None:
            if len(self.given) >= MOST_SOURCES:
                del self.given[min(self.given, key=lambda source: (self.given[source].observed, source))]
            given = self.given[report.source] = Given()
        return given


def public_id(recording: str | None, about: str) -> str:
    """``about``: the identity of a thing, so that it comes back under its old id, or what a track began with."""
    return "trk-" + hashlib.blake2b(f"{recording or ''}/{about}".encode(), digest_size=8).hexdigest()
