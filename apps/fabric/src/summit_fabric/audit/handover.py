"""The hand-over brief: what the next shift has to know, each statement with the ids that it rests on. Pure; plain
templates, no judgement that is not in the records already."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from summit_core.audit.brief import Handover, Section, Statement
from summit_core.audit.record import AuditRecord
from summit_core.model import Alert, AlertState, Incident, IncidentState, Role, SourceAccount, Task
from summit_core.model.common import TimelineEntry

from summit_fabric.audit.service import sentence

ENDED: Final = frozenset({IncidentState.CLOSED, IncidentState.FALSE_ALARM})
PEOPLE: Final = frozenset({Role.VIEWER, Role.OPERATOR, Role.COMMANDER, Role.ADMINISTRATOR})
LAST_CHANGES: Final = 3
SHOWN_AT_MOST: Final = 40
_SEVERITIES: Final = ("extreme", "severe", "moderate", "minor", "unknown")


class Shift(Struct, frozen=True, kw_only=True):
    """All that a brief is made from, already reduced to what its reader may see."""

    organisation: str
    since: datetime
    until: datetime
    audit_head: tuple[int, str]
    incidents: Sequence[Incident]
    alerts: Sequence[Alert]
    tasks: Sequence[Task]
    records: Sequence[AuditRecord]
    sources: Sequence[SourceAccount]
    letters: Sequence[tuple[str, int, str]]
    """Code, how many since, and the id of the newest."""


def brief(shift: Shift) -> Handover:
    seq, hash_ = shift.audit_head
    return Handover(
        organisation=shift.organisation,
        since=shift.since,
        until=shift.until,
        audit_head={"seq": seq, "hash": hash_},
        sections=[
            _section("incidents", "Open incidents", _incidents(shift)),
            _section("ended", "Incidents that ended in this shift", _ended(shift)),
            _section("alerts", "Alerts nobody has acknowledged", _alerts(shift)),
            _section("tasks", "Tasks under way", _tasks(shift)),
            _section("decisions", "Who decided what", _decisions(shift)),
            _section("silent", "Sensors that are silent", _silent(shift)),
            _section("letters", "Refused input", _letters(shift)),
            _section("denied", "Denied and failed", _denied(shift)),
        ],
    )


def _section(name: str, title: str, statements: Iterable[Statement]) -> Section:
    found = list(statements)
    return Section(
        name=name, title=title, statements=found[:SHOWN_AT_MOST], left_out=max(0, len(found) - SHOWN_AT_MOST)
    )


def _by_severity(things: Iterable[Any]) -> list[Any]:
    return sorted(things, key=lambda one: (_SEVERITIES.index(one.severity.value), one.opened_at))


def _incidents(shift: Shift) -> Iterable[Statement]:
    for one in _by_severity(one for one in shift.incidents if one.state not in ENDED):
        text = f"{one.title}: {one.state.value}, {one.severity.value}, open for {_span(shift.until - one.opened_at)}"
        yield Statement(text=text, cites=[one.id], at=one.opened_at, details=_changes(one.id, one.timeline, shift))


def _ended(shift: Shift) -> Iterable[Statement]:
    for one in shift.incidents:
        if one.state in ENDED and one.updated_at >= shift.since:
            details = _changes(one.id, one.timeline, shift)
            yield Statement(text=f"{one.title}: {one.state.value}", cites=[one.id], at=one.updated_at, details=details)


def _changes(key: str, timeline: Sequence[TimelineEntry], shift: Shift) -> list[Statement]:
    """The last lines of its history, as far as they are of this shift."""
    recent = [entry for entry in timeline if entry.at >= shift.since][-LAST_CHANGES:]
    return [Statement(text=f"{one.what} ({one.by})", at=one.at, cites=[key, *one.causes[:2]]) for one in recent]


def _alerts(shift: Shift) -> Iterable[Statement]:
    for one in _by_severity(one for one in shift.alerts if one.state is AlertState.OPEN):
        text = f"{one.title}: {one.severity.value}, waits for {_span(shift.until - one.opened_at)}"
        yield Statement(text=text, at=one.opened_at, cites=[one.id, *([one.incident] if one.incident else [])])


def _tasks(shift: Shift) -> Iterable[Statement]:
    for one in sorted((one for one in shift.tasks if not one.state.final), key=lambda task: task.proposed_at):
        text = f"{one.title}: {one.state.value}, {one.asset}"
        if one.state.value == "proposed" and one.approve_before is not None:
            text += f", to be decided before {one.approve_before:%H:%M} UTC"
        cites = [one.id, one.asset, *([one.incident] if one.incident else []), *one.approvals]
        yield Statement(text=text, at=one.updated_at, cites=cites)


def _decisions(shift: Shift) -> Iterable[Statement]:
    """What people did; what machines did in consequence is in the audit."""
    for one in shift.records:
        person = one.principal is not None and one.principal.role in PEOPLE
        if person and one.outcome in {"done", "intended"} and not _is_routine(one):
            yield Statement(text=sentence(one), at=one.at, cites=[one.id, *([one.object] if one.object else [])])


def _is_routine(record: AuditRecord) -> bool:
    return record.action.endswith(" /v1/observations") or " /v1/session" in record.action


def _silent(shift: Shift) -> Iterable[Statement]:
    for one in shift.sources:
        if one.silent and one.last_heard is not None:
            text = f"{one.id} is silent for {_span(shift.until - one.last_heard)}"
            yield Statement(text=text, at=one.last_heard, cites=[one.id])


def _letters(shift: Shift) -> Iterable[Statement]:
    for code, count, newest in shift.letters:
        yield Statement(text=f"{count} refused as {code}", cites=[newest])


def _denied(shift: Shift) -> Iterable[Statement]:
    """Alike ones together: the brief says that it happened, the audit each time."""
    alike: dict[str, list[AuditRecord]] = {}
    for one in shift.records:
        if one.outcome not in {"done", "intended"}:
            alike.setdefault(sentence(_without_count(one)), []).append(one)
    for text, records in alike.items():
        count = sum(one.count for one in records)
        times = "" if count == 1 else f", {count} times"
        yield Statement(text=text + times, at=records[-1].at, cites=[one.id for one in records[-3:]])


def _without_count(record: AuditRecord) -> AuditRecord:
    return replace(record, count=1, reason=None)


def _span(time: timedelta) -> str:
    """A duration as people say it."""
    minutes = max(0, int(time.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
