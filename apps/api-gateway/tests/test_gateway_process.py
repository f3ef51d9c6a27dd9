"""The gateway as its own process."""

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
from gateway_harness import SERVICE_KEY, Gateway, free_port
from summit_gateway.settings import GatewaySettings
from waiting import eventually


async def test_as_its_own_process(settings: GatewaySettings, tmp_path: Path) -> None:
    """``python -m summit_gateway`` starts, gets ready, and ends cleanly on SIGTERM, open streams or not."""
    port = free_port()
    environment = {
        "SUMMIT_NATS_URL": settings.nats_url.get_secret_value(),
        "SUMMIT_DATABASE_URL": settings.database_url.get_secret_value(),
        "SUMMIT_SERVICE_KEY": SERVICE_KEY,
        "SUMMIT_SESSION_SECRET": "s" * 40,
        "SUMMIT_ADMIN_KEY_FILE": str(tmp_path / "own.key"),
        "SUMMIT_PORT": str(port),
        "SUMMIT_FABRIC_URL": settings.fabric_url,
        "SUMMIT_INTELLIGENCE_URL": settings.intelligence_url,
        "SUMMIT_TASKING_URL": settings.tasking_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "summit_gateway", env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(None, settings, f"http://127.0.0.1:{port}", http)  # type: ignore[arg-type]  # another process
        await eventually(gateway.is_ready, within_s=30)
        async with http.get(gateway.url + "/") as response:
            assert (response.status, "not built" in await response.text()) == (503, True)
        await eventually(lambda: asyncio.to_thread((tmp_path / "own.key").exists))
        key = (tmp_path / "own.key").read_text().strip()
        url, headers = gateway.url + "/v1/stream", gateway.headers(key)
        async with http.ws_connect(url, headers=headers) as socket, http.get(url, headers=headers) as events:
            assert (await socket.receive_json(timeout=10))["op"] == "snapshot"
            process.send_signal(signal.SIGTERM)
            while (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert socket.close_code == 1013
            assert b"snapshot-end" in await events.content.read()
    output, _ = await asyncio.wait_for(process.communicate(), timeout=5)
    assert process.returncode == 0
    assert key not in output.decode()
