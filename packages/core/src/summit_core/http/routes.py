"""Sets of routes by method and template, asked before the router has matched: one look-up, or a few patterns."""

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

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
