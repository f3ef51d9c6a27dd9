"""One record of the audit (``summit.audit/1``), before it has its place in the chain."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from summit_core.model.common import DEFAULT_ORGANISATION, Principal, Role, Timestamp

Outcome = Literal["intended", "done", "refused", "denied", "failed"]
"""``intended`` is written before a change, and the record that names it in ``intent`` says what came of it. ``denied``:
who or what was asked for is not allowed; ``refused``: the request does not hold; ``failed``: our own fault."""
DENIED: Final = frozenset({401, 403, 404, 429})
TEXT_AT_MOST: Final = 1000


class Actor(Struct, frozen=True, kw_only=True):
    """Who acted."""

    id: str
    name: str
    role: Role


class AuditRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``object`` is the id of what was acted on, ``object_type`` what it is. ``version`` is the one that was changed
    (If-Match), ``new_version`` the one that came of it (ETag). Of a body there is only its SHA-256, because it may hold
    secrets. ``count`` and ``until``: so many alike between ``at`` and then."""

    id: str
    at: Timestamp
    service: str
    action: str
    outcome: Outcome
    schema: Literal["summit.audit/1"] = "summit.audit/1"
    organisation: str = DEFAULT_ORGANISATION
    principal: Actor | None = None
    client: str | None = None
    request_id: str | None = None
    object_type: str | None = None
    object: str | None = None
    status: int | None = None
    code: str | None = None
    reason: str | None = None
    version: str | None = None
    new_version: str | None = None
    plan_hash: str | None = None
    body_sha256: str | None = None
    intent: str | None = None
    count: int = 1
    until: datetime | None = None

    def content(self) -> dict[str, Any]:
        """Its members as JSON has them, with the schema, which tells a later reader what the hash was made of."""
        return {**msgspec.to_builtins(self), "schema": self.schema}


def actor(principal: Principal | None) -> Actor | None:
    if principal is None:
        return None
    return Actor(id=plain(principal.id), name=plain(principal.name), role=principal.role)


def outcome_of(status: int) -> Outcome:
    """Of an HTTP status."""
    if status < 400:
        return "done"
    if status in DENIED:
        return "denied"
    return "refused" if status < 500 else "failed"


def plain(text: str, at_most: int = TEXT_AT_MOST) -> str:
    """What a stranger wrote, as text that every store and terminal can hold."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(one if one.isprintable() else " " for one in whole[:at_most])
