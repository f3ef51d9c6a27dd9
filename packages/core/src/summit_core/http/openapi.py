"""OpenAPI documents that say what really comes: each answer with its type, each problem that a route can end in.

Our types are msgspec's, so their schemas are made by msgspec and put beside FastAPI's routes. Which problems a route
can end in follows from what it is and from the middleware around it (``ANSWERS`` of its class): one table.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from summit_core.errors import ErrorCode
from summit_core.http.problems import MEDIA_TYPE

JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{name}"
_MARK: Final = "x-summit-type"
_SCHEMAS: Final = "schemas"
Page = dict[str, Any]

PROBLEMS: Final[Mapping[int, str]] = {
    400: "Not decodable at all: bytes, UTF-8, JSON, depth",
    401: "No credential, or a wrong one",
    403: "A right credential without the permission",
    404: "Nothing by that id, or nothing that this caller may see",
    408: "The body came too slowly",
    409: "The thing changed, or is not in a state that allows this",
    410: "It was there and is no longer kept",
    412: "The version in If-Match is no longer the one that holds",
    413: "More bytes than allowed",
    414: "The address is too long",
    415: "A body of a kind that this route does not take",
    422: "Something that was sent is wrong; field names it",
    428: "A change must say in If-Match which version it changes",
    429: "More requests than this caller may make",
    431: "The headers are too many or too long",
    503: "Busy, or a dependency is away; try again",
    504: "No answer in time",
}
"""Every problem of every route, and what it means there."""
RETRIED: Final = frozenset({408, 429, 503, 504})
GUARDED: Final = frozenset({401, 403})
WRITING: Final = frozenset({400, 409, 413, 422})
CONDITIONAL: Final = frozenset({412, 428})
OF_THE_PAST: Final = frozenset({"as_of", "from"})
"""Query parameters that may ask for what is no longer kept."""

_whole: Final = {"type": "integer", "minimum": 1, "maximum": 1000}
_moment: Final = {"type": "string", "format": "date-time"}
QUERY: Final[Mapping[str, Page]] = {
    "since": _moment,
    "until": _moment,
    "as_of": _moment,
    "limit": _whole,
    "every": {"type": "number", "minimum": 0},
    "bbox": {"type": "string", "description": "west,south,east,north in degrees", "examples": ["-122,39,-121,40"]},
    "polygon": {"type": "string", "examples": ["-122,39 -121,39 -121,40"]},
    "bundle": {"type": "string", "pattern": "^b-[0-9a-f]{32}$"},
}
"""Query parameters that mean the same wherever they are taken; others are text."""
_types: Final[list[Any]] = []


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


@cache
def list_of(item: Any, name: str = "") -> Any:
    """The type of a page of a list: ``items``, ``next`` (a cursor or null) and ``seq``. One type of each name."""
    return msgspec.defstruct(
        f"{name or item.__name__}List", [("items", list[item]), ("next", str | None), ("seq", int)]
    )


def described(
    answer: Any,
    status: int = 200,
    *,
    media: str = JSON,
    others: Collection[str] = (),
    also: Mapping[int, Any] | None = None,
    body: Any = None,
    body_media: str = JSON,
    body_required: bool = True,
    parameters: Collection[str] = (),
    condition: bool = False,
) -> dict[str, Any]:
    """Keywords for a route: what it takes and answers.

    ``others`` are media types that the same answer may come in, ``also`` further statuses, with the type of their JSON,
    or None for nothing and for a problem. ``parameters`` are query parameters that the route reads by itself;
    ``condition``: it asks for If-Match.
    """
    extra: Page = {}
    if body is not None:
        extra["requestBody"] = {"required": body_required, "content": {body_media: {"schema": _mark(body)}}}
    if taken := [_parameter(name, "query", QUERY.get(name, {"type": "string"})) for name in parameters]:
        extra["parameters"] = taken
    if condition:
        tag = {"type": "string", "examples": ["*"], "description": "the ETag that was seen, or * for whatever it is"}
        extra.setdefault("parameters", []).append(_parameter("If-Match", "header", tag, required=True))
    responses: dict[int | str, Page] = {status: {"description": "Done"}}
    if answer is not None:
        responses[status]["content"] = {media: {"schema": _mark(answer)}, **{other: {} for other in others}}
    for code, type_ in (also or {}).items():
        if type_ is None and code in PROBLEMS:
            responses[code] = {"$ref": f"#/components/responses/{_name(code)}"}
            continue
        responses[code] = {"description": PROBLEMS.get(code, "Not modified")}
        if type_ is not None:
            responses[code]["content"] = {JSON: {"schema": _mark(type_)}}
    return {"responses": responses, "status_code": status, "response_model": None, "openapi_extra": extra or None}


def complete(page: Page, around: Collection[int]) -> Page:
    """FastAPI's document with our schemas and every problem. ``around``: statuses of the middleware."""
    for path, _, method, operation in operations(page):
        _add_problems(path, method, operation, around)
    schemas = _resolve(page)
    components = page.setdefault("components", {})
    kept = {name: one for name, one in components.get(_SCHEMAS, {}).items() if "ValidationError" not in name}
    components[_SCHEMAS] = kept | schemas
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}}
    wait = {"headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}}}
    components["responses"] = {
        _name(status): {"description": text, "content": problem, **(wait if status in RETRIED else {})}
        for status, text in PROBLEMS.items()
    }
    return page


def operations(page: Page) -> Iterator[tuple[str, Page, str, Page]]:
    """Path, item, method and operation of each."""
    for path, item in page["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                yield path, item, method, operation


def _add_problems(path: str, method: str, operation: Page, around: Collection[int]) -> None:
    statuses = set(around)
    parameters = operation.get("parameters", [])
    if path.startswith("/v1/"):
        statuses |= GUARDED | (WRITING if method != "get" else set())
    if parameters:
        statuses.add(422)
    if "{" in path or any(one["name"] == "bundle" for one in parameters):
        statuses.add(404)
    if "requestBody" in operation:
        statuses.add(415)
    if any(one["name"] == "If-Match" for one in parameters):
        statuses |= CONDITIONAL
    if not OF_THE_PAST.isdisjoint(one["name"] for one in parameters):
        statuses.add(410)
    responses = operation["responses"]
    if "ValidationError" in str(responses.get("422")):  # FastAPI's own, which never comes
        del responses["422"]
    for status in statuses:
        known = responses.get(str(status))
        if known is None or "$ref" in known:
            responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
        else:
            known.setdefault("content", {})[MEDIA_TYPE] = {"schema": {"$ref": _REF.format(name=Problem.__name__)}}


def _name(status: int) -> str:
    return f"Problem{status}"


def _parameter(name: str, where: str, schema: Page, *, required: bool = False) -> Page:
    return {"name": name, "in": where, "schema": schema, "required": required}


def _mark(type_: Any) -> Page:
    """Stands for the schema of a type until all types of the app are known: their names depend on each other."""
    _types.append(type_)
    return {_MARK: len(_types) - 1}


def _resolve(page: Page) -> Page:
    """Put references in the place of the marks; returns the schemas that they refer to."""
    marks = [node for node in _nodes(page) if _MARK in node]
    types = [_types[node[_MARK]] for node in marks]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    for node, schema in zip(marks, schemas[:-1], strict=True):
        node.clear()
        node.update(schema)
    return components


def _nodes(value: Any) -> Iterator[Page]:
    if isinstance(value, dict):
        yield value
        for part in list(value.values()):
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)
