"""The shared broker as a device sees it, and a patient assertion."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from summit_core.wire import encode
from summit_sdk import Endpoints, MqttEndpoint


@pytest.fixture
def broker(mqtt_port: int) -> MqttEndpoint:
    return MqttEndpoint(host="127.0.0.1", port=mqtt_port)


@pytest.fixture
def endpoints(broker: MqttEndpoint, tmp_path: Path) -> Path:
    """The file as ``summit up`` writes it."""
    path = tmp_path / "endpoints.json"
    path.write_bytes(encode(Endpoints(gateway="http://127.0.0.1:9", mqtt=broker)))
    return path


async def _eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    for _ in range(int(within_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    assert condition(), f"not within {within_s} s"


@pytest.fixture
def eventually() -> Callable[..., object]:
    """Waits for a condition instead of for a time."""
    return _eventually
