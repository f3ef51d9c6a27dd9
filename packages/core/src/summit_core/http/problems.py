"""Errors as RFC 9457 problem documents, for our own errors and for the framework's alike."""

from math import ceil
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from summit_core import wire
from summit_core.errors import ErrorCode, SummitError
from summit_core.http.context import request_id
from summit_core.store.pool import UNAVAILABLE

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_FRAMEWORK: Final = {
    400: ErrorCode.MALFORMED_JSON,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    406: ErrorCode.NOT_ACCEPTABLE,
    413: ErrorCode.TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    422: ErrorCode.INVALID_FIELD,
    431: ErrorCode.HEADERS_TOO_LARGE,
    501: ErrorCode.NOT_IMPLEMENTED,
    503: ErrorCode.UNAVAILABLE,
}


def problem(
    status: int,
    code: ErrorCode,
    detail: str,
    *,
    field: str | None = None,
    retriable: bool = False,
    retry_after_s: float | None = None,
) -> Response:
    """The problem document as a response."""
    body = {
        "type": f"urn:summit:problem:{code.value}",
        "title": code.value.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code.value,
        "retriable": retriable,
        "request_id": request_id(),
    }
    if field is not None:
        body["field"] = field
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, ceil(retry_after_s)))}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="summit"'
    return Response(wire.encode(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def of(error: SummitError) -> Response:
    """The problem document of one of our errors."""
    return problem(
        error.status,
        error.code,
        error.detail,
        field=error.field,
        retriable=error.retriable,
        retry_after_s=error.retry_after_s,
    )


def of_database(error: Exception) -> Response:
    """The problem document of one of the :data:`UNAVAILABLE`."""
    log.warning("database away", error=str(error), kind=type(error).__name__)
    detail = "the database does not answer; nothing was lost, try again"
    return problem(503, ErrorCode.UNAVAILABLE, detail, retriable=True, retry_after_s=2)


def install(app: FastAPI) -> None:
    """Answer every error of an app as a problem document; nothing internal leaves in it."""

    @app.exception_handler(SummitError)
    async def _ours(_: Request, error: SummitError) -> Response:
        return of(error)

    @app.exception_handler(HTTPException)
    async def _framework(_: Request, error: HTTPException) -> Response:
        code = _FRAMEWORK.get(error.status_code, ErrorCode.INTERNAL)
        response = problem(error.status_code, code, str(error.detail))
        response.headers.update(error.headers or {})  # such as Allow, which RFC 9110 demands with a 405
        return response

    @app.exception_handler(RequestValidationError)
    async def _parameters(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return problem(422, ErrorCode.INVALID_FIELD, f"{field}: {first['msg']}", field=field)

    async def _database(_: Request, error: Exception) -> Response:
        return of_database(error)

    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _database)

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, error: Exception) -> Response:
        log.error("request failed", error=str(error), kind=type(error).__name__, exc_info=error)
        return problem(500, ErrorCode.INTERNAL, "our own fault; the log holds this request id")
