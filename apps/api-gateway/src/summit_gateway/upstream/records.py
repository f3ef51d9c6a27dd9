"""Routes of the record: observations, sources, dead letters, lineage."""

from typing import Final

from msgspec import Struct
from summit_core.http.openapi import list_of
from summit_core.model import AnyObservation, DeadLetter, Lineage, OpenLetter, Replayed, SourceAccount
from summit_core.security.permissions import Permission

from summit_gateway.upstream.passed import PAGE, Passed


class Count(Struct, frozen=True):
    count: int


# In this order: "count" must be tried before it is taken for an id.
ROUTES: Final = (
    Passed(
        *(
            "fabric",
            "GET",
            "/v1/observations",
            "Stored observations, newest first",
            list_of(AnyObservation, "Observation"),
        ),
        parameters=("source", "kind", "recording", "since", "until", "bbox", "polygon", "h3", *PAGE),
    ),
    Passed(
        *("fabric", "GET", "/v1/observations/count", "How many are stored", Count), parameters=("source", "recording")
    ),
    Passed("fabric", "GET", "/v1/observations/{id}", "One stored observation", AnyObservation),
    Passed(
        "fabric",
        "GET",
        "/v1/sources",
        "Loss accounting of every source",
        list_of(SourceAccount, "Source"),
        parameters=PAGE,
    ),
    Passed("fabric", "GET", "/v1/sources/{id}", "Loss accounting of one source", SourceAccount),
    Passed(
        *("fabric", "GET", "/v1/dead-letters", "Refused input, with the reason", list_of(DeadLetter)),
        parameters=("code", "source", "door", "since", *PAGE),
    ),
    Passed("fabric", "GET", "/v1/dead-letters/{id}", "One refused input with its bytes", OpenLetter),
    Passed(
        *("fabric", "POST", "/v1/dead-letters/{id}/replay", "Send its bytes through validation again", Replayed),
        permission=Permission.OPERATE,
        status=202,
    ),
    Passed(
        *("fabric", "DELETE", "/v1/dead-letters/{id}", "Throw a refused input away", None),
        permission=Permission.ADMINISTER,
        status=204,
    ),
    Passed("fabric", "GET", "/v1/lineage/{id}", "From anything back to its raw observations", Lineage),
)
