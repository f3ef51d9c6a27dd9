"""What the audit answers: pages, the export with its signed head, and what was done with an object."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from summit_core.audit.brief import Activity
from summit_core.audit.head import SignedHead, sign
from summit_core.audit.record import AuditRecord
from summit_core.clock import Clock
from summit_core.errors import UnavailableError
from summit_core.security.nkey import AccountKey

from summit_fabric.audit.store import AuditFilter, AuditStore, read_line, unsigned

NO_KEY: Final = "the audit has no key to sign with; set SUMMIT_AUDIT_SEED or SUMMIT_AUDIT_SEED_FILE and start again"


class AuditService:
    """Each organisation has a chain of its own."""

    def __init__(self, store: AuditStore, key: AccountKey | None, clock: Clock) -> None:
        self._store, self._key, self._clock = store, key, clock

    async def page(
        self, organisation: str, wanted: AuditFilter, *, limit: int, before: int | None = None
    ) -> tuple[list[bytes], int | None]:
        """Newest first, and before which sequence the next page is."""
        return await self._store.page(organisation, wanted, limit=limit, before=before)

    async def records(self, organisation: str, wanted: AuditFilter, *, limit: int) -> list[AuditRecord]:
        """The newest, oldest first."""
        lines, _ = await self._store.page(organisation, wanted, limit=limit, before=None)
        return [read_line(line) for line in reversed(lines)]

    async def export(self, organisation: str) -> AsyncGenerator[bytes, None]:
        """The whole chain as lines, and the signed head. Raises :class:`UnavailableError` without a key.

        When the chain is not the one that was signed last, that head stands at the end, and proves it.
        """
        if self._key is None:
            raise UnavailableError(NO_KEY)
        before = await self._store.head(organisation)
        last = await self._store.last(organisation)
        signed = await self._head(organisation, last, before, self._key)
        async for lines in self._store.lines(organisation, 0, last[0]):
            yield b"".join(line + b"\n" for line in lines)
        yield signed.line + b"\n"

    async def _head(
        self, organisation: str, last: tuple[int, str], before: SignedHead | None, key: AccountKey
    ) -> SignedHead:
        fresh = sign(unsigned(organisation, last, before.head if before else None, self._clock.now()), key)
        if before is None or before.head.seq < before.head.first:
            return fresh
        kept = await self._store.hash_at(organisation, before.head.seq)
        return fresh if kept == before.head.hash else before


def activity(records: Sequence[AuditRecord]) -> list[Activity]:
    return [Activity(at=one.at, text=sentence(one), outcome=one.outcome, cites=[one.id]) for one in records]


def sentence(record: AuditRecord) -> str:
    """One record as a person would say it."""
    who = "somebody without a right credential" if record.principal is None else record.principal.name
    what = _words(record)
    ends: dict[str, str] = {
        "done": "",
        "intended": " (what came of it is not known)",
        "denied": f", which was denied ({record.code or record.status})",
        "refused": f", which was refused ({record.code or record.status})",
        "failed": f", which failed ({record.code or record.status})",
    }
    said = f"{who}: {what}{ends[record.outcome]}"
    if record.count > 1:
        said += f", {record.count} times"
    return f"{said}. “{record.reason}”" if record.reason else said


VERBS: Final = {
    "POST /v1/alerts/{id}/ack": "acknowledged alert {id}",
    "POST /v1/incidents/{id}/state": "moved incident {id}",
    "POST /v1/tasks/{id}/approve": "approved task {id}",
    "POST /v1/tasks/{id}/reject": "rejected task {id}",
    "POST /v1/tasks/{id}/cancel": "cancelled task {id}",
    "dispatch task": "sent task {id} to its asset",
    "POST /v1/session": "signed in",
    "DELETE /v1/session": "signed out",
    "POST /v1/entities/{id}/merge": "merged entity {id} into another",
    "POST /v1/entities/{id}/split": "split entity {id} again",
    "POST /v1/registrations/{id}/rotate": "gave {id} a new credential",
    "POST /v1/registrations/{id}/revoke": "revoked the credentials of {id}",
    "POST /v1/dead-letters/{id}/replay": "replayed dead letter {id}",
    "POST /v1/observations": "sent observations",
    "connect device": "connected device {id}",
}
_METHODS: Final = {"POST": "made", "PUT": "replaced", "PATCH": "changed", "DELETE": "removed", "GET": "read"}


def _words(record: AuditRecord) -> str:
    known = VERBS.get(record.action)
    if known is not None:
        return known.format(id=record.object or "?")
    method, _, path = record.action.partition(" ")
    if method not in _METHODS:
        return f"{record.action} {record.object or ''}".strip()
    named = " ".join(part for part in (record.object_type or path, record.object) if part)
    return f"{_METHODS[method]} {named}"
