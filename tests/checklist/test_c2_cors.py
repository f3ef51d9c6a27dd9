"""C2: browser origins are an explicit list, the same setting in every service, and never a wildcard."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

SERVICES = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")
LISTED, UNLISTED = "https://ops.example", "https://evil.example"
Ask = Callable[..., Awaitable[Any]]


async def problem_of(asgi: Ask, app: FastAPI) -> str:
    """What is wrong with the origins of a service; empty when nothing is."""
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "authorization"}
    good = await asgi(app, "OPTIONS", "/livez", origin=LISTED, **asked)
    if good.headers.get("access-control-allow-origin") != LISTED:
        return "the listed origin is refused"
    bad = await asgi(app, "OPTIONS", "/livez", origin=UNLISTED, **asked)
    if bad.status == 200 or "access-control-allow-origin" in bad.headers:
        return "an origin that is not listed is let in"
    plain = await asgi(app, "GET", "/livez", origin=UNLISTED)
    if "access-control-allow-origin" in plain.headers:
        return "an answer lets an origin in that is not listed"
    return ""


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_knows_its_origins(asgi: Ask, service_app: Callable[..., FastAPI], service: str) -> None:
    assert await problem_of(asgi, service_app(service, cors_origins=LISTED)) == ""


@pytest.mark.parametrize("service", SERVICES)
async def test_none_is_the_default(asgi: Ask, service_app: Callable[..., FastAPI], service: str) -> None:
    app = service_app(service)
    assert "access-control-allow-origin" not in (await asgi(app, "GET", "/livez", origin=LISTED)).headers


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("origins", ["*", f"{LISTED},*", "https://*.example"])
def test_no_service_starts_with_a_wildcard(service_app: Callable[..., FastAPI], service: str, origins: str) -> None:
    with pytest.raises(SystemExit, match="CORS_ORIGINS"):
        service_app(service, cors_origins=origins)


@pytest.mark.planted("a service of its own making, without the shared middleware: it reads no setting")
async def test_a_service_that_reads_no_setting_is_noticed(asgi: Ask, service_app: Callable[..., FastAPI]) -> None:
    planted = FastAPI()
    planted.add_api_route("/livez", lambda: "alive")
    assert await problem_of(asgi, planted) == "the listed origin is refused"
    assert await problem_of(asgi, service_app("fusion")) == "the listed origin is refused"


def everywhere(compose: str) -> list[str]:
    """The origins that a manifest opens to all."""
    return re.findall(r"CORS_ORIGINS[:=].*\*.*", compose)


@pytest.mark.planted("CORS_ORIGINS: * in the compose file")
def test_no_manifest_opens_all_origins() -> None:
    files = list((Path(__file__).parents[2] / "infra" / "docker").glob("*.yml"))
    assert files
    assert [found for path in files for found in everywhere(path.read_text())] == []
    assert everywhere('  CORS_ORIGINS: "*"\n') == ['CORS_ORIGINS: "*"']


@pytest.mark.planted("a service that lets every origin in, with credentials")
async def test_a_wildcard_is_noticed(asgi: Ask, service_app: Callable[..., FastAPI]) -> None:
    app = service_app("fabric")
    app.add_middleware(CORSMiddleware, allow_origin_regex=".*", allow_credentials=True)
    assert await problem_of(asgi, app) == "an origin that is not listed is let in"
