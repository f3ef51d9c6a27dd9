"""`summit user` and `summit key` as a person types them, against a stand-in gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn, standing_in
from summit_cli.main import main

ANN: dict[str, Any] = {
    "id": "user-0123456789ab",
    "name": "ann",
    "role": "operator",
    "organisation": "default",
    "active": False,
    "totp": True,
}


class _Gateway(StandIn):
    def do_GET(self) -> None:
        self.answer(200, {"items": [ANN], "next": None, "seq": 1})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(("POST", self.path, body))
        self.answer(201, ANN | {"key": "smt_shown_once"})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(("PATCH", self.path, body))
        if body.get("password") == "too short":
            self.answer(422, {"detail": "a password has at least 12 characters"})
        else:
            self.answer(200, ANN)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with standing_in(_Gateway, tmp_path) as folder:
        yield folder


def summit(state: Path, *arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, arguments, env={"SUMMIT_STATE_DIR": str(state)}, **more)


def test_people(state: Path) -> None:
    listed = summit(state, "user", "list")
    assert (listed.exit_code, listed.output.split()) == (0, ["ann", "operator", "default", "off,", "one-time", "codes"])
    words = "some words of mine\n"
    added = summit(state, "user", "add", "ann", "--role", "operator", "--json", input=words * 2)
    assert added.exit_code == 0, added.output
    assert words.strip() not in added.output
    assert summit(state, "user", "disable", "Ann").exit_code == 0
    changed = summit(state, "user", "password", "ann", "--password", "other words of mine")
    assert changed.exit_code == 0
    path = "/v1/users/user-0123456789ab"
    assert _Gateway.asked == [
        ("POST", "/v1/users", {"name": "ann", "role": "operator", "password": words.strip()}),
        ("PATCH", path, {"active": False}),
        ("PATCH", path, {"password": "other words of mine"}),
    ]


def test_what_is_refused_says_why(state: Path) -> None:
    nobody = summit(state, "user", "disable", "bob")
    assert (nobody.exit_code, "no user bob" in nobody.output) == (1, True)
    short = summit(state, "user", "password", "ann", "--password", "too short")
    assert (short.exit_code, "at least 12" in short.output) == (1, True)


def test_keys(state: Path) -> None:
    made = summit(state, "key", "create", "feed", "--role", "operator", "--scope", "observe", "--expires", "2027-01-01")
    assert (made.exit_code, "smt_shown_once" in made.output) == (0, True)
    assert summit(state, "key", "rotate", "0123456789ab", "--overlap", "0.5").exit_code == 0
    assert _Gateway.asked == [
        (
            "POST",
            "/v1/keys",
            {"name": "feed", "role": "operator", "scopes": ["observe"], "expires_at": "2027-01-01T00:00:00+00:00"},
        ),
        ("POST", "/v1/keys/0123456789ab/rotate", {"overlap_s": 1800}),
    ]
