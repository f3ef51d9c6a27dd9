"""Who is denied again and again shall not fill the audit: the first of a kind is written at once, the others of that
minute are one record with their number."""

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from summit_core.audit.record import Actor, AuditRecord
from summit_core.ids import new_id

WINDOW: Final = timedelta(minutes=1)
KINDS_AT_MOST: Final = 10_000
_Kind = tuple[str, str, str, str, int | None, str | None]


class Repeats:
    """Of one process. What was counted in the last minute goes with a process that crashes."""

    def __init__(self) -> None:
        self._open: dict[_Kind, tuple[datetime, AuditRecord | None]] = {}

    def take(self, record: AuditRecord) -> AuditRecord | None:
        """The record to write now; None for one that is counted."""
        kind = _kind_of(record)
        if kind not in self._open and len(self._open) >= KINDS_AT_MOST:  # too many strangers to tell them apart
            record = replace(record, principal=None, client=None, object=None)
            kind = _kind_of(record)
        if kind not in self._open:
            self._open[kind] = (record.at + WINDOW, None)
            return record
        ends, counted = self._open[kind]
        if counted is None:
            counted = replace(record, id=new_id(), request_id=None, object=None, reason=None, until=record.at)
        else:
            counted = replace(counted, count=counted.count + 1, until=record.at)
        self._open[kind] = (ends, counted)
        return None

    def due(self, now: datetime | None = None) -> list[AuditRecord]:
        """What was counted in the minutes that are over; without a time, all of it."""
        over = [kind for kind, (ends, _) in self._open.items() if now is None or ends <= now]
        counted = [self._open.pop(kind)[1] for kind in over]
        return [one for one in counted if one is not None]


def _kind_of(record: AuditRecord) -> _Kind:
    who: Actor | None = record.principal
    return (
        record.organisation,
        who.id if who else f"@{record.client}",
        record.action,
        record.outcome,
        record.status,
        record.code,
    )
