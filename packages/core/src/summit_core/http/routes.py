"""Sets of routes by method and template, asked before the router has matched: one look-up, or a few patterns."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

T = TypeVar("T")
Route = tuple[str, str]
"""Method and template, such as ``("GET", "/v1/incidents/{id}/bundle")``."""


class RouteTable(Generic[T]):
    """What holds for a route; ``default`` for the others."""

    def __init__(self, of: Mapping[Route, T], default: T) -> None:
        self._default = default
        self._exact = {route: value for route, value in of.items() if "{" not in route[1]}
        self._patterns = [
            (method, re.compile(re.sub(r"{\w+}", "[^/]+", path)), value)
            for (method, path), value in of.items()
            if "{" in path
        ]

    def of(self, method: str, path: str) -> T:
        if (method, path) in self._exact:
            return self._exact[method, path]
        for one, pattern, value in self._patterns:
            if one == method and pattern.fullmatch(path):
                return value
        return self._default


UNMATCHED: Final = "unmatched"


def templates(routes: Sequence[BaseRoute]) -> RouteTable[str]:
    """The template of each route, for what is answered before the router is asked."""
    known = ((context.path, context.methods) for context in iter_route_contexts(routes))
    return RouteTable({(method, path): path for path, methods in known if path for method in methods or ()}, UNMATCHED)


def template_of(scope: Scope) -> str:
    """The template of a request's route: the router's word, else that of its app's table (a limit, a bound, a stored
    answer or a full house come before the router), so each refusal is counted where it happened."""
    found = getattr(scope.get("route"), "path", None)
    if found is None and hasattr(scope.get("app"), "templates"):
        found = scope["app"].templates.of(scope["method"], scope["path"])
    return found or UNMATCHED
