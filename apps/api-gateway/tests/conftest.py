"""A real gateway on a free port, over the real broker and the real database, with a stand-in upstream."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from summit_core.bus import Bus
from summit_gateway.settings import GatewaySettings

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not let a test import the module beside it

from gateway_harness import INLINE, SERVICE_KEY, Gateway, Upstream, World, free_port, running


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    standing_in = Upstream(port=free_port())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", standing_in.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", standing_in.port).start()
    yield standing_in
    await runner.cleanup()


@pytest.fixture
def console_dir(tmp_path: Path) -> Path:
    """A tiny export."""
    folder = tmp_path / "console"
    (folder / "_next" / "static").mkdir(parents=True)
    (folder / "_next" / "static" / "app.js").write_text("1")
    (folder / "index.html").write_text(
        f'<script src="/_next/static/app.js"></script><script id="a">{INLINE}</script>console'
    )
    (folder / "404.html").write_text("<p>nothing here</p>")
    return folder


@pytest.fixture
def settings(
    nats_url: str, database_url: str, upstream: Upstream, tmp_path: Path, console_dir: Path
) -> GatewaySettings:
    behind = f"http://127.0.0.1:{upstream.port}"
    return GatewaySettings(
        nats_url=SecretStr(nats_url),
        database_url=SecretStr(database_url),
        service_key=SecretStr(SERVICE_KEY),
        session_secret=SecretStr("s" * 40),
        admin_key_file=tmp_path / "admin.key",
        console_dir=console_dir,
        port=free_port(),
        fabric_url=behind,
        intelligence_url=behind,
        tasking_url=behind,
    )


@pytest.fixture
async def gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    async with running(settings) as started:
        yield started


@pytest.fixture
async def world(nats_url: str) -> AsyncIterator[World]:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    yield World(bus)
    await bus.close()
