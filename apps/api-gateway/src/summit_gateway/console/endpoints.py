"""``/console-config.json``: what the console asks before it draws a map."""

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response
from summit_core.http.openapi import described
from summit_core.http.responses import json_response

from summit_gateway.passkeys.ceremony import RelyingParty
from summit_gateway.settings import GatewaySettings


class ConsoleConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """``center`` is longitude, latitude. Without ``mapStyleUrl`` the console draws its built-in map. ``passkeys``:
    the pages that offer them."""

    map_style_url: str | None
    attribution: str
    center: tuple[float, float]
    zoom: float
    passkeys: tuple[str, ...]


def console_router(settings: GatewaySettings) -> APIRouter:
    router = APIRouter(tags=["console"])
    config = ConsoleConfig(
        map_style_url=settings.map_style_url,
        attribution=settings.map_attribution,
        center=settings.map_center,
        zoom=settings.map_zoom,
        passkeys=RelyingParty.of(settings.passkey_origins).origins if settings.passkey_origins else (),
    )

    @router.get("/console-config.json", summary="What the console shows first", **described(ConsoleConfig))
    async def console_config() -> Response:
        return json_response(config, headers={"Cache-Control": "no-cache"})

    return router
