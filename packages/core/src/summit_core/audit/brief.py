"""What is made from the audit for people to read: the hand-over brief, and the activity of an object."""

from typing import Any

from msgspec import Struct

from summit_core.audit.record import AuditRecord, Outcome
from summit_core.model.common import Timestamp


class Statement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``details`` are lines that belong to it, on the same ids or their own."""

    text: str
    cites: list[str]
    at: Timestamp | None = None
    details: list["Statement"] = []


class Section(Struct, frozen=True, kw_only=True):
    """``left_out``: how many more there are."""

    name: str
    title: str
    statements: list[Statement]
    left_out: int = 0


class Handover(Struct, frozen=True, kw_only=True):
    """``audit_head`` is the sequence and hash of the last audit record of which the brief knows."""

    organisation: str
    since: Timestamp
    until: Timestamp
    audit_head: dict[str, Any]
    sections: list[Section]


class Activity(Struct, frozen=True, kw_only=True):
    """Who did what, in words, with the record that says so."""

    at: Timestamp
    text: str
    outcome: Outcome
    cites: list[str]


class ActivityList(Struct, frozen=True, kw_only=True):
    items: list[Activity]
    next: str | None = None


class ChainedRecord(AuditRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A record in its place (``summit_core.audit.chain``)."""

    seq: int
    prev: str
    hash: str


class AuditList(Struct, frozen=True, kw_only=True):
    items: list[ChainedRecord]
    next: str | None
    seq: int
