"""Somebody else's NATS and PostgreSQL, named by two URLs; and what the processes write to their logs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.mark.timeout(120)
async def test_given_servers_are_used_instead_of_our_own(
    launch: Callable[..., Any],
    api_of: Any,
    eventually: Any,
    nats_url: str,
    mqtt_port: int,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUMMIT_NATS_URL", nats_url)
    monkeypatch.setenv("SUMMIT_DATABASE_URL", database_url)
    monkeypatch.setenv("SUMMIT_MQTT_URL", f"mqtt://127.0.0.1:{mqtt_port}")
    system = launch("--scenario", "none")
    assert system.endpoints["nats"] == nats_url
    assert not (system.state_dir / "postgres").exists()
    async with api_of(system) as api:
        report = {"kind": "report", "source": "warden", "observed_at": "2026-01-01T00:00:00Z", "text": "smoke"}
        assert (await api.post("/v1/observations", report))[0] == 202

        async def stored() -> bool:
            return bool((await api.get("/v1/observations/count?source=warden"))["count"] == 1)

        assert await eventually(stored, within_s=10, what="report stored")


def texts(value: Any) -> Iterator[str]:
    """All texts in a piece of JSON but what is public."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner) if name != "public" else ()


@pytest.mark.timeout(120)
async def test_every_log_line_of_every_service_is_json_and_holds_no_secret(
    launch: Callable[..., Any], api_of: Any, eventually: Any
) -> None:
    system = launch("--scenario", "ridge-fire", "--speed", "20")
    async with api_of(system) as api:
        assert await eventually(lambda: api.items("/v1/tasks"), within_s=30, what="proposal")
        await api.post("/v1/observations", data=b"{")
        await api.post("/v1/session", {"key": "smt_canary_canarycanarycanary"})
    secrets = json.loads((system.state_dir / "secrets.json").read_text())
    canaries = [*texts(secrets), system.key, "canarycanarycanary"]
    system.stop()
    services = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")
    for service in services:
        lines = (system.state_dir / "logs" / f"{service}.log").read_text().splitlines()
        assert lines, service
        for line in lines:
            assert {"event", "level", "time", "service"} <= set(json.loads(line)), f"{service}: {line}"
            assert not any(canary in line for canary in canaries), f"{service} logs a secret"
