"""The OpenAPI page: our types are msgspec's, so their schemas are made by msgspec and put beside FastAPI's routes."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from summit_core.errors import ErrorCode

_REF: Final = "#/components/schemas/{name}"
_types: Final[set[Any]] = set()


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457. ``code`` is stable, ``detail`` says what to do, ``retriable`` whether to try again."""

    type: str
    title: str
    status: int
    detail: str
    code: ErrorCode
    retriable: bool
    request_id: str
    field: str | None = None


def describe(
    answer: Any,
    status: int = 200,
    *,
    body: Any = None,
    body_required: bool = True,
    media: str = "application/json",
    parameters: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Keywords for a route: what it takes and answers. ``parameters`` are query parameters that it reads by itself."""
    extra: dict[str, Any] = {}
    if body is not None:
        extra["requestBody"] = {
            "required": body_required,
            "content": {"application/json": {"schema": _reference(body)}},
        }
    if parameters:
        extra["parameters"] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters]
    good: dict[str, Any] = {"description": "Done"}
    if answer is not None:
        good["content"] = {media: {"schema": _reference(answer)}}
    problem = {"application/problem+json": {"schema": _reference(Problem)}}
    responses: dict[int | str, Any] = {status: good, "default": {"description": "A problem", "content": problem}}
    return {"responses": responses, "status_code": status, "response_model": None, "openapi_extra": extra or None}


def _reference(type_: Any) -> dict[str, Any]:
    _types.add(type_)
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=_REF)
    return schema


def complete(app: FastAPI) -> dict[str, Any]:
    """The page of the app, with the schemas that its routes refer to."""
    page = app.openapi()
    _, components = msgspec.json.schema_components(sorted(_types, key=str), ref_template=_REF)
    page.setdefault("components", {}).setdefault("schemas", {}).update(components)
    page["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "summit_session"},
    }
    page["security"] = [{"key": []}, {"session": []}]
    return page
