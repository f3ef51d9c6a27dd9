"""Start, stop, start again, and kill -9 of everything: the same picture, the same tasks, nothing twice."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SERVICES = ("summit_gateway", "summit_fabric", "summit_fusion", "summit_intelligence", "summit_tasking")
READY_WARM_S = 15.0
STOP_S = 5.0
IDLE_PSS_MB = 600.0


def is_running(pid: int) -> bool:
    """Alive; a zombie that nobody has reaped yet is not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.timeout(180)
async def test_a_second_start_continues_and_a_stop_leaves_no_orphan(
    launch: Callable[..., Any], api_of: Any, eventually: Any
) -> None:
    system = launch("--scenario", "none")
    measured = json.loads(system.run("measure", "memory", "--state-dir", str(system.state_dir)).stdout)
    assert measured["pss_mb"] <= IDLE_PSS_MB
    async with api_of(system) as api:
        report = {"kind": "report", "source": "warden", "observed_at": "2026-01-01T00:00:00Z", "text": "smoke"}
        assert (await api.post("/v1/observations", report))[0] == 202

        async def stored() -> bool:
            return (await api.get("/v1/observations/count?source=warden"))["count"] == 1

        await eventually(stored, within_s=10, what="report stored")
    for file in ("endpoints.json", "admin.key"):
        assert (system.state_dir / file).stat().st_mode & 0o077 == 0
    children = system.children()
    assert {os.sched_getscheduler(pid) for pid in children} == {os.SCHED_BATCH}, "whoever is woken waits his turn"
    stopped_s = system.stop()
    assert stopped_s <= STOP_S
    assert not any(is_running(pid) for pid in children)
    system.start()
    assert system.ready["seconds"] <= READY_WARM_S
    async with api_of(system) as api:
        assert (await api.get("/v1/observations/count?source=warden"))["count"] == 1
    print(json.dumps({"pss_mb": measured["pss_mb"], "stop_s": round(stopped_s, 2), "warm_s": system.ready["seconds"]}))


@pytest.mark.timeout(120)
async def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(
    launch: Callable[..., Any], api_of: Any, eventually: Any
) -> None:
    system = launch("--scenario", "none")
    children = system.children()
    assert len(children) >= len(SERVICES)
    system.die()

    async def gone() -> bool:
        return not any(is_running(pid) for pid in children)

    await eventually(gone, within_s=10, what="no orphan")
    system.start()
    async with api_of(system) as api:
        assert await api.get("/v1/session")


async def ended(api: Any) -> bool:
    incidents = await api.items("/v1/incidents")
    tasks = await api.items("/v1/tasks")
    return any(i["state"] == "confirmed" for i in incidents) and any(t["state"] == "done" for t in tasks)


@pytest.mark.timeout(240)
async def test_the_scenario_ends_the_same_when_each_service_is_killed_in_turn(
    launch: Callable[..., Any], api_of: Any, eventually: Any
) -> None:
    system = launch("--scenario", "ridge-fire", "--speed", "8", "--auto-approve")
    async with api_of(system) as api:

        async def ready() -> bool:
            reply = system.run("health", "--state-dir", str(system.state_dir))
            return bool(reply.returncode == 0)

        for name in SERVICES:
            before = system.processes(name)
            system.kill(name)

            async def back(name: str = name, before: list[int] = before) -> bool:
                return bool(set(system.processes(name)) - set(before)) and await ready()

            await eventually(back, within_s=20, what=f"{name} back and ready")
        await eventually(lambda: ended(api), within_s=120, what="task done and incident confirmed")
        fires = [i for i in await api.items("/v1/incidents") if i["class"] in {"fire", "smoke"}]
        tasks = [t for t in await api.items("/v1/tasks") if t["state"] == "done"]
        alerts = [a for a in await api.items("/v1/alerts") if a.get("incident")]
        assert (len(fires), len(tasks), len(alerts)) == (1, 1, 1)
        assert tasks[0]["asset"] == "drone-1"


def in_a_browser(script: str, system: Any, url: str, pictures: Path) -> Any:
    """What a script of apps/console/tests found; it fails by itself as well."""
    console = Path(__file__).resolve().parents[2] / "apps" / "console"
    if not (console / "out" / "index.html").exists():
        pytest.skip("the console is not built; run `make setup`")
    environment = os.environ | {
        "SUMMIT_CONSOLE_URL": url,
        "SUMMIT_ADMIN_KEY": system.key,
        "SUMMIT_SCREENSHOTS": os.environ.get("SUMMIT_SCREENSHOTS", str(pictures)),
    }
    run = subprocess.run(
        ["node", f"tests/{script}"], cwd=console, env=environment, capture_output=True, text=True, timeout=200
    )
    if run.stdout.startswith("SKIPPED"):
        pytest.skip(run.stdout.strip())
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.timeout(240)
def test_the_console_in_a_browser(launch: Callable[..., Any], tmp_path: Path) -> None:
    """The Live page of the running scenario."""
    system = launch("--scenario", "ridge-fire", "--speed", "4")
    found = in_a_browser("live.browser.mjs", system, system.endpoints["gateway"], tmp_path)
    assert (found["passed"], found["failures"]) == (True, [])
    assert found["moved_m"] > 50, "the drone that was sent flies"


@pytest.mark.timeout(240)
def test_passkeys_in_a_browser(launch: Callable[..., Any], tmp_path: Path) -> None:
    """Browsers give passkeys to names, never to addresses."""
    system = launch("--scenario", "none")
    port = system.endpoints["gateway"].rpartition(":")[2]
    found = in_a_browser("passkey.browser.mjs", system, f"http://localhost:{port}", tmp_path)
    assert (found["passed"], found["failures"]) == (True, [])
    assert found["sign_count"] > 0, "the device was asked"
    assert "401" in found["refused"], "a passkey that was taken away signs nobody in"
