"""Routes of the audit, and of what is made from it."""

from typing import Final

from summit_core.audit.brief import ActivityList, AuditList, Handover
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import PAGE, Passed

ROUTES: Final = (
    Passed(
        *("fabric", "GET", "/v1/audit", "What was changed or refused, newest first", AuditList),
        permission=Permission.ADMINISTER,
        parameters=("since", "until", "principal", "action", "object", "outcome", *PAGE),
    ),
    Passed(
        *("fabric", "GET", "/v1/activity", "Who did what with an object, in words", ActivityList),
        parameters=("object", "since", "limit"),
    ),
    Passed("fabric", "GET", "/v1/handover", "What the next shift has to know", Handover, parameters=("since",)),
)
