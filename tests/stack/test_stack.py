"""The stack of containers, built and started for real: healthy, seen to be broken when it is, quiet of secrets."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from summit_sdk import Device

OURS = {"api-gateway": 8000, "fabric": 8001, "fusion": 8002, "intelligence": 8003, "tasking": 8004}
OTHERS = ("nats", "postgres", "prometheus", "alertmanager", "blackbox")
RETURN_WITHIN_S = 180

pytestmark = pytest.mark.timeout(1800)  # builds images


def eventually(ask: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Ask until the answer is true; returns it."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.5)  # other processes: nothing to wait on
    return answer


def test_nothing_starts_without_secrets(built: Any, tmp_path: Path) -> None:
    empty = str(tmp_path / "none")
    refused = built.run("scripts/stack.sh", "up", SUMMIT_SECRETS_DIR=empty)
    assert (refused.returncode, "make secrets" in refused.stderr) == (1, True)
    plain = built.compose("up", "-d", "nats", SUMMIT_SECRETS_DIR=empty)
    built.compose("down", "-v", SUMMIT_SECRETS_DIR=empty)
    assert plain.returncode != 0
    assert "nats_users" in plain.stderr


def test_no_image_misses_the_shared_package(built: Any) -> None:
    for name in OURS:
        command = ("docker", "run", "--rm", "--network", "none", "--read-only", "--entrypoint", "python")
        what = "import summit_core.errors; from summit_core.http.probe import problem; assert problem('http://127.0.0.1:9')"
        ended = built.run(*command, f"summit-os/{name}:local", "-c", what)
        assert ended.returncode == 0, f"{name}: {ended.stderr}"


def test_a_wrong_database_password_ends_with_a_code_and_a_line(stack: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "secrets"
    shutil.copytree(stack.secrets, wrong)
    (wrong / "database_url").write_text("postgresql://summit:wrong-canary@postgres:5432/summit")
    for path in wrong.iterdir():
        shutil.chown(path, *_owner(stack.secrets / path.name))
    uid, gid = _owner(stack.secrets / "database_url")
    ended = stack.compose(
        "run", "--rm", "--no-deps", "migrate", SUMMIT_SECRETS_DIR=str(wrong), SUMMIT_UID=str(uid), SUMMIT_GID=str(gid)
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert (ended.returncode, [line["level"] for line in lines]) == (1, ["error"])
    assert "password" in lines[0]["reason"]
    assert "wrong-canary" not in ended.stdout + ended.stderr


def _owner(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


def test_every_container_is_confined(stack: Any) -> None:
    for name in (*OURS, *OTHERS):
        found = stack.container(name)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        user = stack.run("docker", "top", found["Id"], "-eo", "uid,args").stdout.splitlines()[1:]
        assert all(line.split()[0] != "0" for line in user), f"{name}: {user}"


def test_process_1_is_the_service_and_never_reloads(stack: Any) -> None:
    for name in OURS:
        found = stack.container(name)
        words = [found["Path"], *found["Args"]]
        assert words == ["python", "-m", f"summit_{name.removeprefix('api-')}"]
        environment = stack.run("docker", "exec", found["Id"], "cat", "/proc/1/environ").stdout
        assert "RELOAD" not in environment.upper()


def test_no_password_stands_in_an_environment(stack: Any) -> None:
    secret = [text for text in _secrets(stack) if len(text) > 20]
    for name in (*OURS, *OTHERS):
        found = json.dumps(stack.container(name)["Config"])
        assert not [text for text in secret if text in found], name


def test_what_comes_by_http_and_mqtt_is_in_the_picture(stack: Any, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text(stack.key())
    endpoints = {
        "gateway": f"http://127.0.0.1:{stack.ports['SUMMIT_PORT']}",
        "mqtt": {"host": "127.0.0.1", "port": stack.ports["SUMMIT_MQTT_PORT"]},
        "nats": "", "postgres": "", "services": {}, "admin_key_file": str(tmp_path / "admin.key"), "pid": 0,
    }  # fmt: skip
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    keys = {}
    for name in ("mast-http", "mast-mqtt"):
        made = stack.run(stack.summit, "device", "register", name, "--kind", "asset", "--json", "--state-dir", tmp_path)
        assert made.returncode == 0, made.stderr
        keys[name] = json.loads(made.stdout)["key"]
    stack.canaries += [stack.key(), *keys.values()]
    said = {"kind": "telemetry", "source": "mast-http", "observed_at": datetime.now(UTC).isoformat()}
    said |= {"category": "sensor", "lat": 39.8, "lon": -121.4, "label": "Mast by HTTP"}
    assert stack.ask("POST", "/v1/observations", said, key=keys["mast-http"])[0] == 202

    async def by_mqtt() -> bool:
        broker = tmp_path / "endpoints.json"
        async with Device.from_endpoints(broker, "mast-mqtt", credential=keys["mast-mqtt"]) as mast:
            mast.telemetry(category="sensor", lat=39.81, lon=-121.41, label="Mast by MQTT")
            return bool(await mast.flush(30.0))

    assert asyncio.run(by_mqtt())

    def both_are_seen() -> bool:
        status, answer = stack.ask("GET", "/v1/entities", key=stack.canaries[0])
        assert status == 200
        return {"Mast by HTTP", "Mast by MQTT"} <= {item.get("label") for item in answer["items"]}

    eventually(both_are_seen, within_s=30, what="both masts are entities")


def test_the_console_comes_from_the_gateway(stack: Any) -> None:
    status, page = stack.ask("GET", "/", key="")
    assert status == 200
    assert "Summit" in page


def test_prometheus_scrapes_every_service(stack: Any) -> None:
    wanted = {f"{name}:{port}" for name, port in OURS.items()}

    def all_up() -> bool:
        query = "/api/v1/query?query=" + quote("up == 1")
        _, answer = stack.ask("GET", query, key="", port="PROMETHEUS_PORT")
        return wanted <= {one["metric"]["instance"] for one in answer["data"]["result"]}

    assert eventually(all_up, within_s=60, what="up is 1 for every service")


def test_an_alert_reaches_a_receiver_when_a_service_stops(stack: Any) -> None:
    stack.compose("stop", "-t", "5", "intelligence")
    began = time.monotonic()

    def paged() -> bool:
        lines = stack.compose("logs", "--no-color", "--no-log-prefix", "alert-receiver").stdout.splitlines()
        alerts = [alert for line in lines if line.startswith("{") for alert in json.loads(line)["alerts"]]
        firing = [alert["labels"] for alert in alerts if alert["status"] == "firing"]
        return any("intelligence" in f"{labels.get('job')} {labels.get('instance')}" for labels in firing)

    assert eventually(paged, within_s=240, what="the alert is received")
    print(f"\nalert received {time.monotonic() - began:.0f} s after the stop")
    stack.compose("start", "intelligence")


def test_health_fails_for_each_service_that_stops_and_passes_again(stack: Any) -> None:
    assert stack.health(RETURN_WITHIN_S)[0] == 0
    for name in (*OURS, *OTHERS):
        container = stack.container(name)["Id"]
        assert stack.run("docker", "stop", "-t", "5", container).returncode == 0
        code, reasons = stack.health()
        assert code != 0
        assert [*reasons.get(name, {})] == ["container"], reasons
        assert stack.run("docker", "start", container).returncode == 0
    code, reasons = stack.health(RETURN_WITHIN_S)
    assert code == 0, reasons


def test_the_whole_log_is_json_without_a_secret(stack: Any) -> None:
    for name in (*OURS, "migrate"):
        lines = stack.compose("logs", "--no-color", "--no-log-prefix", name).stdout.splitlines()
        lines = [line for line in lines if not line.startswith("Attaching to")]
        assert lines, name
        broken = [line for line in lines if not isinstance(_parsed(line), dict)]
        assert broken == [], name
    everything = stack.compose("logs", "--no-color").stdout
    found = [text[:4] + "…" for text in {*_secrets(stack), *stack.canaries} if text in everything]
    assert found == []


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _secrets(stack: Any) -> list[str]:
    """What was planted: the content of every secret file but the configuration, which is not one value."""
    files = [path for path in stack.secrets.iterdir() if path.suffix != ".conf"]
    return [text for path in files if (text := path.read_text().strip())]
