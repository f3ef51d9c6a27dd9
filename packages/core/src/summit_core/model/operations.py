"""Incident, alert and advisory: what operators run, what asks them to look, what they are advised."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

from summit_core.model.common import Key, Name, Organisation, Text, TimelineEntry, Timestamp
from summit_core.model.entity import Location


class Severity(StrEnum):
    """CAP 1.2 severity."""

    EXTREME = "extreme"
    SEVERE = "severe"
    MODERATE = "moderate"
    MINOR = "minor"
    UNKNOWN = "unknown"


class Urgency(StrEnum):
    """CAP 1.2 urgency."""

    IMMEDIATE = "immediate"
    EXPECTED = "expected"
    FUTURE = "future"
    PAST = "past"
    UNKNOWN = "unknown"


class Certainty(StrEnum):
    """CAP 1.2 certainty."""

    OBSERVED = "observed"
    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"


class IncidentState(StrEnum):
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    CONTAINED = "contained"
    CONTROLLED = "controlled"
    CLOSED = "closed"
    FALSE_ALARM = "false_alarm"


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    EXPIRED = "expired"


class Evidence(Struct, frozen=True, kw_only=True):
    """One reason, with the id of the thing that it rests on."""

    id: str
    kind: Name
    text: Text


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Many observations of one thing, one lifecycle (``summit.incident/1``)."""

    id: Key
    title: Name
    class_: Name = field(name="class")
    state: IncidentState
    severity: Severity
    opened_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.incident/1"] = "summit.incident/1"
    location: Location | None = None
    ambiguous: bool = False
    owner: Name | None = None
    entities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    objectives: tuple[Text, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    causes: tuple[str, ...] = ()
    organisation: Organisation = None


class Alert(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Asks a person to look (``summit.alert/1``). ``dedupe_key`` keeps one open alert for one matter."""

    id: Key
    title: Name
    text: Text
    state: AlertState
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    dedupe_key: Name
    opened_at: Timestamp
    updated_at: Timestamp
    schema: Literal["summit.alert/1"] = "summit.alert/1"
    incident: Key | None = None
    location: Location | None = None
    evidence: tuple[Evidence, ...] = ()
    acknowledged_by: Name | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    causes: tuple[str, ...] = ()
    organisation: Organisation = None


class Advisory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A judgement a person can act on, with its reasons (``summit.advisory/1``)."""

    id: Key
    title: Name
    text: Text
    made_at: Timestamp
    rule: Name
    schema: Literal["summit.advisory/1"] = "summit.advisory/1"
    incident: Key | None = None
    valid_until: Timestamp | None = None
    reasons: tuple[Evidence, ...] = ()
    actions: tuple[Text, ...] = ()
    causes: tuple[str, ...] = ()
    organisation: Organisation = None
