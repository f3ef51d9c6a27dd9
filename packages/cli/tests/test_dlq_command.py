"""`summit dlq` as a person types it, against a stand-in gateway that keeps three letters."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn, standing_in
from summit_cli.main import main

WHOLE, CUT, ABSENT = (f"018f0000-0000-7000-8000-00000000000{digit}" for digit in "123")
BASE = {"at": "2026-01-01T00:00:00Z", "door": "mqtt", "message": "lat: Expected `float` <= 90.0", "size": 9}
LETTERS: dict[str, dict[str, Any]] = {
    WHOLE: BASE
    | {"id": WHOLE, "subject": "observations.[bold]report", "code": "invalid_field", "field": "lat", "complete": True}
    | {"payload": "eyJhIjoxfQ==", "text": '{"text":"Zoë \x1b[2J"}\n'},
    CUT: BASE
    | {"id": CUT, "subject": "observations.report", "code": "too_large", "complete": False, "payload": "/w=="},
}


class _Gateway(StandIn):
    def do_GET(self) -> None:
        self.asked.append((self.command, self.path))
        one = self._letter()
        if urlsplit(self.path).path.endswith("/dead-letters"):
            items = [{name: letter[name] for name in letter if name != "text"} for letter in LETTERS.values()]
            self.answer(200, {"items": items, "next": "more" if "cursor" not in self._query() else None, "seq": 1})
        elif one:
            self.answer(200, one)
        else:
            self._absent()

    def do_POST(self) -> None:
        one = self._letter()
        self.asked.append((self.command, self.path))
        if one is None:
            self._absent()
        elif one["complete"]:
            self.answer(202, {"id": one["id"], "subject": one["subject"], "seq": 7})
        else:
            self.answer(409, {"code": "conflict", "detail": "only 1 of 9 bytes were kept"})

    def do_DELETE(self) -> None:
        self.asked.append((self.command, self.path))
        if self._letter() is None:
            self._absent()
        else:
            self.answer(204, None)

    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    def _letter(self) -> dict[str, Any] | None:
        return LETTERS.get((urlsplit(self.path).path + "/").split("/")[3])

    def _absent(self) -> None:
        self.answer(404, {"code": "not_found", "detail": "no dead letter of this id is kept"})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with standing_in(_Gateway, tmp_path) as folder:
        yield folder


def dlq(state: Path, *arguments: str) -> Result:
    environment = {"SUMMIT_STATE_DIR": str(state), "COLUMNS": "200"}
    return CliRunner().invoke(main, ["dlq", *arguments], env=environment)


def test_a_list_with_filters_says_how_to_go_on(state: Path) -> None:
    result = dlq(
        state, "list", "--code", "too_large", "--door", "mqtt", "--since", "2026-01-01T00:00:00", "--limit", "2"
    )
    assert result.exit_code == 0, result.output
    query = parse_qs(urlsplit(_Gateway.asked[0][1]).query)
    wanted = {"code": "too_large", "door": "mqtt", "since": "2026-01-01T00:00:00+00:00", "limit": "2"}
    assert query == {name: [value] for name, value in wanted.items()}
    assert WHOLE in result.stdout
    assert "observations.[bold]report" in result.stdout
    assert "--cursor more" in result.stderr
    page = json.loads(dlq(state, "list", "--cursor", "more", "--json").stdout)
    assert ([item["id"] for item in page["items"]], page["next"]) == ([WHOLE, CUT], None)


def test_a_letter_is_shown_without_steering_the_terminal(state: Path) -> None:
    result = dlq(state, "show", WHOLE)
    assert result.exit_code == 0
    assert 'payload (text):\n{"text":"Zoë \\x1b[2J"}\n' in result.stdout
    assert "\x1b" not in result.stdout
    assert "lat: Expected" in result.stdout
    assert "base64, it is not UTF-8, only the beginning was kept" in dlq(state, "show", CUT).stdout
    assert json.loads(dlq(state, "show", WHOLE, "--json").stdout) == LETTERS[WHOLE]
    absent = dlq(state, "show", ABSENT)
    assert (absent.exit_code, "no dead letter of this id" in absent.stderr) == (1, True)


def test_each_is_replayed_whatever_becomes_of_the_others(state: Path) -> None:
    result = dlq(state, "replay", CUT, ABSENT, WHOLE)
    assert result.exit_code == 1
    assert result.stdout == f"{WHOLE} replayed on observations.[bold]report\n"
    assert f"{CUT} not replayed: only 1 of 9 bytes were kept" in result.stderr
    assert f"{ABSENT} not replayed: no dead letter" in result.stderr
    shown = json.loads(dlq(state, "replay", WHOLE, CUT, "--json").stdout)
    assert [one["seq"] for one in shown["replayed"]] == [7]
    assert [(one["id"], one["status"], one["code"]) for one in shown["refused"]] == [(CUT, 409, "conflict")]
    assert dlq(state, "replay", WHOLE).exit_code == 0


def test_letters_are_dropped(state: Path) -> None:
    result = dlq(state, "drop", WHOLE, CUT)
    assert (result.exit_code, result.stdout) == (0, f"{WHOLE} dropped\n{CUT} dropped\n")
    assert _Gateway.asked[-1] == ("DELETE", f"/v1/dead-letters/{CUT}")
    assert json.loads(dlq(state, "drop", ABSENT, "--json").stdout)["refused"][0]["status"] == 404


@pytest.mark.parametrize("arguments", [("replay",), ("show", "../keys"), ("list", "--door", "window"), ("dance",)])
def test_usage_errors_ask_nobody(state: Path, arguments: tuple[str, ...]) -> None:
    assert dlq(state, *arguments).exit_code == 2
    assert _Gateway.asked == []
