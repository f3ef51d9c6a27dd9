"""`summit device` and `summit source` as a person types them, against a stand-in gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn, standing_in
from summit_cli.main import main

GAS: dict[str, Any] = {
    "id": "gas-7",
    "kind": "source",
    "link": "online",
    "link_since": "2026-01-02T03:04:05Z",
    "denied": 3,
    "credentials": [{"id": "c1"}, {"id": "c2", "revoked_at": "2026-01-01T00:00:00Z"}],
}
CAM: dict[str, Any] = {"id": "cam-1", "kind": "source", "node": "edge", "link": "stale", "link_reason": "nothing heard"}


class _Gateway(StandIn):
    """Knows gas-7, and cam-1 behind a node."""

    def do_GET(self) -> None:
        first = "cursor" not in parse_qs(urlsplit(self.path).query)
        page = {"items": [GAS], "next": "gas-7", "seq": 1} if first else {"items": [CAM], "next": None, "seq": 1}
        self.answer(200, page)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(("POST", self.path, body))
        if "nobody" in self.path:
            self.answer(404, {"code": "not_found", "detail": "nobody is not registered"})
        elif self.path.endswith("/revoke"):
            self.answer(200, GAS)
        else:
            behind = body.get("node")
            key = None if behind else "smt_shown_once"
            self.answer(201, {"registration": GAS | {"node": behind}, "credential": {"id": "c3"}, "key": key})

    def do_DELETE(self) -> None:
        self.asked.append(("DELETE", self.path, self.headers["If-Match"]))
        self.answer(204, None)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with standing_in(_Gateway, tmp_path) as folder:
        yield folder


def summit(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"SUMMIT_STATE_DIR": str(state), "COLUMNS": "200"})


def test_a_credential_is_shown_once_and_alone_on_stdout(state: Path) -> None:
    result = summit(state, "source", "register", "gas-7", "--label", "Ridge", "--class", "gas", "--interval", "5")
    assert (result.exit_code, result.stdout) == (0, "smt_shown_once\n")
    body = {"id": "gas-7", "kind": "source", "label": "Ridge", "class": "gas", "expected_interval_s": 5.0}
    assert _Gateway.asked == [("POST", "/v1/registrations", body)]


def test_what_speaks_through_a_node_gets_no_credential(state: Path) -> None:
    result = summit(state, "device", "register", "cam-1", "--node", "edge")
    assert (result.exit_code, "speaks through edge" in result.stdout) == (0, True)


def test_rotate_says_how_long_the_old_one_holds(state: Path) -> None:
    result = summit(state, "device", "rotate", "gas-7", "--overlap", "2", "--expires", "2030-01-01", "--json")
    assert json.loads(result.stdout)["key"] == "smt_shown_once"
    ((_, path, body),) = _Gateway.asked
    assert path == "/v1/registrations/gas-7/rotate"
    assert body == {"overlap_s": 7200.0, "expires_at": "2030-01-01T00:00:00+00:00"}


def test_revoke_ends_one_or_all(state: Path) -> None:
    assert summit(state, "device", "revoke", "gas-7", "--credential", "c1").exit_code == 0
    assert summit(state, "device", "revoke", "gas-7").exit_code == 0
    assert [body for _, _, body in _Gateway.asked] == [{"credential": "c1"}, {}]


def test_remove_takes_whatever_version_there_is(state: Path) -> None:
    assert summit(state, "device", "remove", "gas-7").exit_code == 0
    assert _Gateway.asked == [("DELETE", "/v1/registrations/gas-7", "*")]


def test_a_list_has_every_page_and_counts_what_holds(state: Path) -> None:
    result = summit(state, "device", "list")
    assert result.exit_code == 0
    assert "2 registered" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "gas-7" in line]
    assert line.split() == ["gas-7", "source", "online", "01-02", "03:04:05", "3", "1"]
    assert [one["id"] for one in json.loads(summit(state, "device", "list", "--json").stdout)["items"]] == [
        "gas-7",
        "cam-1",
    ]


def test_a_refusal_is_exit_code_1_and_json_where_asked(state: Path) -> None:
    result = summit(state, "device", "rotate", "nobody", "--json")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "not_found")
    result = summit(state, "device", "revoke", "nobody")
    assert (result.exit_code, "nobody is not registered" in result.stderr) == (1, True)
    assert summit(state, "device", "register", "x", "--kind", "toaster").exit_code == 2
