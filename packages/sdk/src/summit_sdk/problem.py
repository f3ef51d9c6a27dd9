"""``application/problem+json`` (RFC 9457) back to the exception that the service raised."""

import msgspec
from msgspec import Struct
from summit_core.errors import (
    ConflictError,
    ErrorCode,
    ForbiddenError,
    GoneError,
    InputError,
    InternalError,
    MalformedError,
    NotFoundError,
    SummitError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UpstreamTimeoutError,
)

_BY_STATUS: dict[int, type[SummitError]] = {
    400: MalformedError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: TooLargeError,
    422: InputError,
    429: UnavailableError,
    502: UnavailableError,
    503: UnavailableError,
    504: UpstreamTimeoutError,
}


class _Problem(Struct):
    detail: str = ""
    code: str = ""
    field: str | None = None


def error_of(status: int, body: bytes = b"", retry_after: str | None = None) -> SummitError:
    """The error that an answer means; an answer that is no problem document still becomes one by its status."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(detail=body[:200].decode("utf-8", "replace"))
    kind = _BY_STATUS.get(status, InternalError if status >= 500 else InputError)
    code = ErrorCode(problem.code) if problem.code in set(ErrorCode) else kind.code
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return kind(problem.detail or f"HTTP {status}", code=code, field=problem.field, retry_after_s=seconds)
