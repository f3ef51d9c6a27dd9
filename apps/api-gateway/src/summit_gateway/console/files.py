"""Serves the exported console: strict headers, long caching for what never changes, the exported page for a 404."""

from pathlib import Path
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Match
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from summit_gateway.console.csp import policy, policy_of

IMMUTABLE: Final = "public, max-age=31536000, immutable"
NO_CONSOLE: Final = (
    "The console is not built. Build it with `npm ci && npm run build` in apps/console and set SUMMIT_CONSOLE_DIR to"
    " the folder with its index.html. The API is at /v1, its description at /openapi.json.\n"
)


class ConsoleFiles:
    """Mounted last: what no route took is a file, or a 404."""

    def __init__(self, folder: Path | None, app: Starlette) -> None:
        self._app = app
        built = folder is not None and (folder / "index.html").is_file()
        self._files: ASGIApp = (
            StaticFiles(directory=folder, html=True)
            if folder is not None and built
            else PlainTextResponse(NO_CONSOLE, status_code=503)
        )
        self._policy = policy_of(folder) if folder is not None and built else policy(())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise HTTPException(404, "no such stream")
        path: str = scope["path"]
        if path == "/v1" or path.startswith("/v1/"):
            self._refuse(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                unchanging = path.startswith("/_next/static/") and message["status"] in {200, 206, 304}
                headers["Cache-Control"] = IMMUTABLE if unchanging else "no-cache"
            await send(message)

        await self._files(scope, receive, send_guarded)

    def _refuse(self, scope: Scope) -> None:
        """The API's own 404, or 405 where the path is right and only the method is wrong."""
        api = {"type": "http", "method": scope["method"], "path": scope["path"], "root_path": "", "headers": []}
        allowed: set[str] = set()
        for context in iter_route_contexts(self._app.routes):
            if context.path and context.path.startswith("/v1") and context.matches(dict(api))[0] is Match.PARTIAL:
                allowed |= context.methods or set()
        if allowed:
            detail = f"{scope['method']} is no method of {scope['path']}"
            raise HTTPException(405, detail, headers={"Allow": ", ".join(sorted(allowed))})
        raise HTTPException(404, f"nothing is at {scope['path']}; /openapi.json lists what there is")
