"""The commands as a person types them: exit codes and messages that say what to do."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from stand_in import StandIn, standing_in
from summit_cli.commands import up
from summit_cli.commands.measure import tree_memory
from summit_cli.main import main
from summit_sim.__main__ import SCENARIOS

STORED: set[str] = set()


SOURCE: Final[dict[str, Any]] = {
    "id": "camera-on-the-northern-ridge-of-the-old-quarry-above-the-lake",
    "received": 5,
    "stored": 4,
    "rejected": 1,
    "last_heard": "2026-11-23T20:15:00.123456Z",
}


class _Gateway(StandIn):
    """The few calls that the commands make."""

    ready = True

    def do_GET(self) -> None:
        if self.path.startswith("/readyz"):
            self.answer(200 if self.ready else 503, {"reasons": {} if self.ready else {"database": "away"}})
        elif self.path.startswith("/v1/sources"):
            self.answer(200, {"items": [SOURCE]})
        elif self.path.startswith("/v1/registrations"):
            gone = {"id": "cam-2", "kind": "source", "link": "offline", "link_reason": "its node edge is offline"}
            self.answer(200, {"items": [gone], "next": None, "seq": 1})
        else:
            self.answer(200, {"count": len(STORED)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer the-key":
            self.answer(401, {"code": "unauthenticated", "detail": "wrong key"})
        elif self.path == "/v1/keys":
            self.answer(201, {"id": "k-1", "key": "shown-once", **body})
        else:
            STORED.update(item["id"] for item in body)
            self.answer(202, {"accepted": len(body), "rejected": [], "ids": []})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    STORED.clear()
    _Gateway.ready = True
    with standing_in(_Gateway, tmp_path) as folder:
        yield folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ["up", "down", "status", "health", "key", "measure", "replay", "dlq", "locate"])
def test_every_command_explains_itself(command: str) -> None:
    code, output = run(command, "--help")
    assert code == 0
    assert "Usage: " in output


def test_usage_errors_exit_with_2() -> None:
    assert run("dance")[0] == 2
    assert run("up", "--port", "0")[0] == 2
    assert run("up", "--scenario", "ridge-fyre")[0] == 2


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output = run("up", "--scenario", "none", "--state-dir", str(tmp_path / "file" / "state"))
    assert code == 1
    assert "give another --state-dir" in output


def test_every_scenario_can_be_asked_for() -> None:
    assert set(up.SCENARIOS) == {*SCENARIOS, "none"}


def test_without_an_installation_the_message_says_how_to_start(tmp_path: Path) -> None:
    for command in (("status",), ("health",), ("measure", "memory")):
        code, output = run(*command, "--state-dir", str(tmp_path))
        assert code == 1
        assert "summit up" in output
    assert run("down", "--state-dir", str(tmp_path)) == (0, f"nothing runs on {tmp_path}\n")


def test_health_is_an_exit_code(state: Path) -> None:
    assert run("health", "--state-dir", str(state)) == (0, "ready\n")
    _Gateway.ready = False
    assert run("health", "--state-dir", str(state)) == (1, "api-gateway: database: away\n")


def test_status_shows_services_and_sources(state: Path) -> None:
    code, output = run("status", "--state-dir", str(state))
    assert code == 0
    assert "offline" in output
    line = next(line for line in output.splitlines() if line.strip().startswith(SOURCE["id"]))
    assert line.split() == [SOURCE["id"], "5", "4", "1", "11-23", "20:15:00"], "whole in a pipe, without empty columns"
    shown = json.loads(run("status", "--json", "--state-dir", str(state))[1])
    assert shown["services"] == {"api-gateway": {}}
    assert shown["sources"][0]["stored"] == 4
    assert shown["registrations"][0]["link"] == "offline"


def test_a_key_is_made_and_a_wrong_administrator_key_is_named(state: Path) -> None:
    code, output = run("key", "create", "radio", "--role", "device", "--state-dir", str(state))
    assert (code, output.splitlines()[0]) == (0, "shown-once")
    (state / "admin.key").write_text("another")
    code, output = run("key", "create", "radio", "--role", "device", "--state-dir", str(state))
    assert code == 1
    assert "wrong key" in output


def test_replay_twice_stores_once(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "walk.csv"
    file.write_text("time,lat,lon\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:00:01Z,1,2\n2024-01-01T00:00:01Z,x,2\n")
    arguments = ("replay", str(file), "--endpoints", str(state / "endpoints.json"), "--json")
    first, second = (json.loads(run(*arguments)[1]) for _ in range(2))
    assert (first["records"], first["stored"], first["duplicate"], first["rejected"]) == (3, 2, 0, 1)
    assert (second["stored"], second["duplicate"], second["complete"]) == (0, 2, True)
    code, output = run(*arguments[:-1])
    assert code == 0
    assert "invalid_field" in output


def test_replay_of_a_file_in_another_format_says_so(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "walk.csv"
    file.write_text("not json")
    code, output = run("replay", str(file), "--format", "adsb", "--endpoints", str(state / "endpoints.json"))
    assert code == 1
    assert "is not adsb" in output


def test_memory_of_a_process_tree() -> None:
    measured = tree_memory(os.getpid())
    assert measured["pss_mb"] >= measured["by_process"]["supervisor"] > 1
