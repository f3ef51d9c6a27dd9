"""From method and path to a route by one look-up.

FastAPI tries the pattern of each route in turn, and of those of a router that was included twice: a tenth of a
millisecond for the last of sixty. What is not found here (a mount, a method that is no route's) goes its way.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from summit_core.errors import SummitError
from summit_core.http import problems
from summit_core.store.pool import UNAVAILABLE

Plain = Callable[[Request], Awaitable[Response | None]]
PLAIN: Final = "plain"
FOUND: Final = "summit.found"


def plainly(endpoint: Callable[..., Any], plain: Plain) -> None:
    """Let ``plain`` answer instead of an endpoint, without the framework's work on parameters: it has to ask by itself
    whether the caller may, and returns None for what the endpoint with its checks shall answer."""
    setattr(endpoint, PLAIN, plain)


class _Target(NamedTuple):
    route: APIRoute
    pattern: re.Pattern[str]
    app: ASGIApp
    plain: Plain | None


class Dispatch:
    """The innermost layer but those of the framework: finds the route, and answers the plain ones. The others go on to
    :class:`Found`, which stands where the framework would look for them. ``routes`` are those of an app that is
    complete."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[Any]) -> None:
        self._app = app
        self._exact: dict[tuple[str, str], _Target] = {}
        self._with_parts: dict[tuple[str, int], list[_Target]] = defaultdict(list)
        for context in iter_route_contexts(routes):
            route = context.original_route
            if isinstance(route, APIRoute) and context.path is not None:
                target = _Target(route, context.path_regex, context.app, getattr(context.endpoint, PLAIN, None))
                for method in context.methods or ():
                    self._add(method, context.path, target)

    def _add(self, method: str, path: str, target: _Target) -> None:
        parts = self._with_parts[method, path.count("/")]
        if "{" in path:
            parts.append(target)
        elif not any(one.pattern.match(path) for one in parts):  # the first that matches has it
            self._exact.setdefault((method, path), target)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if target is not None:
            scope["route"], scope["endpoint"] = target.route, target.route.endpoint
            scope[FOUND] = target.app
            if target.plain is not None:
                try:
                    response = await target.plain(Request(scope, receive))
                except SummitError as error:
                    response = problems.of(error)
                except UNAVAILABLE as error:
                    response = problems.of_database(error)
                if response is not None:
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> _Target | None:
        method, path = scope["method"], scope["path"]
        target = self._exact.get((method, path))
        if target is not None:
            scope["path_params"] = {}
            return target
        for target in self._with_parts.get((method, path.count("/")), ()):
            match = target.pattern.match(path)
            if match is not None:
                scope["path_params"] = match.groupdict()
                return target
        return None


class Found:
    """Goes to the route that :class:`Dispatch` has found; ``router`` takes what it has not."""

    def __init__(self, router: ASGIApp) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = scope.pop(FOUND, self._router)
        await app(scope, receive, send)
