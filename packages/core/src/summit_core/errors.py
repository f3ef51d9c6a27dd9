"""The one taxonomy of errors (RFC 9457).

SummitError
├── InputError            something the caller sent is wrong; names the field and the fix
│   ├── MalformedError        not decodable at all (bytes, JSON, UTF-8)
│   ├── TooLargeError         more bytes than allowed
│   └── UnsupportedMediaTypeError  a body of a kind that this route does not take
├── RequestTimeoutError   the request itself came too slowly
├── UnauthenticatedError  no credential, or a wrong one
├── ForbiddenError        a right credential without the permission
├── NotFoundError         nothing by that id
├── ConflictError         the thing changed, or is not in a state that allows this
│   ├── PreconditionError     the version in If-Match is no longer the one that holds
│   ├── PreconditionMissingError  a change must say in If-Match which version it changes
│   └── IdempotencyError      the same Idempotency-Key is being worked on
├── GoneError             it was there and no longer is
├── RateLimitedError      more calls than this caller may make; says when the next one is free
├── UnavailableError      a dependency is away; try again
│   ├── UpstreamTimeoutError  a dependency did not answer in time
│   └── OverloadedError       more work than can be done in time; refused before it waits
└── InternalError         our own fault
"""

import os
from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable codes; a client may switch on them."""

    INVALID_FIELD = "invalid_field"
    UNKNOWN_KIND = "unknown_kind"
    NOT_FINITE = "not_finite"
    OUT_OF_TIME_WINDOW = "out_of_time_window"
    SOURCE_MISMATCH = "source_mismatch"
    MALFORMED_JSON = "malformed_json"
    INVALID_UTF8 = "invalid_utf8"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    REQUEST_TIMEOUT = "request_timeout"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNAUTHENTICATED = "unauthenticated"
    CODE_REQUIRED = "code_required"
    PASSWORD_CHANGE_REQUIRED = "password_change_required"
    PASSKEY_COPIED = "passkey_copied"
    SIGN_IN_AGAIN = "sign_in_again"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    HEADERS_TOO_LARGE = "headers_too_large"
    NOT_IMPLEMENTED = "not_implemented"
    CONFLICT = "conflict"
    PLAN_CHANGED = "plan_changed"
    PRECONDITION_FAILED = "precondition_failed"
    PRECONDITION_REQUIRED = "precondition_required"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress"
    IDEMPOTENCY_UNKNOWN = "idempotency_unknown"
    IDEMPOTENCY_SECRET = "idempotency_secret"
    GONE = "gone"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    OVERLOADED = "overloaded"
    INTERNAL = "internal"


class SummitError(Exception):
    """Base of all errors that a caller may see. ``detail`` says what is wrong and what to do about it."""

    status: int = 500
    code: ErrorCode = ErrorCode.INTERNAL
    retriable: bool = False

    def __init__(
        self,
        detail: str,
        *,
        code: ErrorCode | None = None,
        field: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.field = field
        self.retry_after_s = retry_after_s


class InputError(SummitError):
    status, code = 422, ErrorCode.INVALID_FIELD


class MalformedError(InputError):
    status, code = 400, ErrorCode.MALFORMED_JSON


class TooLargeError(InputError):
    status, code = 413, ErrorCode.TOO_LARGE


class UnsupportedMediaTypeError(InputError):
    status, code = 415, ErrorCode.UNSUPPORTED_MEDIA_TYPE


class RequestTimeoutError(SummitError):
    status, code, retriable = 408, ErrorCode.REQUEST_TIMEOUT, True


class UnauthenticatedError(SummitError):
    status, code = 401, ErrorCode.UNAUTHENTICATED


class ForbiddenError(SummitError):
    status, code = 403, ErrorCode.FORBIDDEN


class NotFoundError(SummitError):
    status, code = 404, ErrorCode.NOT_FOUND


class ConflictError(SummitError):
    status, code = 409, ErrorCode.CONFLICT


class PreconditionError(ConflictError):
    status, code = 412, ErrorCode.PRECONDITION_FAILED


class PreconditionMissingError(ConflictError):
    status, code = 428, ErrorCode.PRECONDITION_REQUIRED


class IdempotencyError(ConflictError):
    code, retriable = ErrorCode.IDEMPOTENCY_IN_PROGRESS, True


class GoneError(SummitError):
    status, code = 410, ErrorCode.GONE


class RateLimitedError(SummitError):
    status, code, retriable = 429, ErrorCode.RATE_LIMITED, True


class UnavailableError(SummitError):
    status, code, retriable = 503, ErrorCode.UNAVAILABLE, True


class UpstreamTimeoutError(UnavailableError):
    status, code = 504, ErrorCode.UPSTREAM_TIMEOUT


class OverloadedError(UnavailableError):
    code = ErrorCode.OVERLOADED


class InternalError(SummitError):
    status, code = 500, ErrorCode.INTERNAL


def outward(error: BaseException) -> str:
    """What anybody may read of an error. Of one that is not ours only its kind, and for one of the system its number in
    words: its own text may name hosts, ports, people and files. The log has it."""
    if isinstance(error, SummitError):
        return f"{type(error).__name__}: {error.detail}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"
    return type(error).__name__
