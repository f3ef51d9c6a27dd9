"""`summit export` and `summit bundle` as a person types them, against a stand-in gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from stand_in import StandIn, standing_in
from summit_cli.main import main

MADE = {
    "id": "b-1",
    "incident": "inc-1",
    "title": "Smoke",
    "since": "S",
    "until": "U",
    "parts": [{"name": "alerts", "count": 2}],
}


class _Gateway(StandIn):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(("GET", self.path, b""))
        path = urlsplit(self.path).path
        if path.endswith("none/bundle"):
            self.answer(404, b'{"detail": "no incident none was ever known"}')
        elif "cut" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            self.answer(200, b"line\n" * 50_000)

    def do_POST(self) -> None:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.asked.append(("POST", self.path, body))
        if body == b"bad":
            self.answer(422, b'{"detail": "alerts: its content is not that which the manifest tells of"}')
        else:
            self.answer(201, MADE)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with standing_in(_Gateway, tmp_path) as folder:
        yield folder


def summit(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], env={"SUMMIT_STATE_DIR": str(state)})


def test_an_export_becomes_a_file_that_is_whole(state: Path) -> None:
    file = state / "out.kml"
    result = summit(
        state,
        "export",
        "--bbox",
        "-122,39,-121,40",
        "--since",
        "2026-08-01T00:00:00",
        "--format",
        "kml",
        "--output",
        str(file),
    )
    assert (result.exit_code, result.stdout) == (0, f"{file}: 250000 bytes\n")
    assert file.read_bytes() == b"line\n" * 50_000
    query = parse_qs(urlsplit(_Gateway.asked[0][1]).query)
    wanted = {"bbox": "-122,39,-121,40", "since": "2026-08-01T00:00:00+00:00", "format": "kml"}
    assert query == {name: [value] for name, value in wanted.items()}
    assert summit(state, "export").stdout == "line\n" * 50_000


def test_what_broke_off_is_no_file(state: Path) -> None:
    file = state / "out.csv"
    result = summit(state, "export", "--types", "cut", "--output", str(file))
    assert result.exit_code == 1
    assert "broke off" in result.stderr
    assert [one.name for one in state.iterdir() if "csv" in one.name] == []


def test_a_bundle_goes_out_and_in(state: Path) -> None:
    file = state / "inc.zip"
    assert (
        json.loads(summit(state, "bundle", "export", "inc-1", "--output", str(file), "--json").stdout)["bytes"]
        == 250_000
    )
    assert _Gateway.asked[0][1] == "/v1/incidents/inc-1/bundle"
    result = summit(state, "bundle", "import", str(file))
    assert result.exit_code == 0, result.output
    assert result.stdout == "b-1: Smoke (inc-1), S to U\n  alerts        2\n"
    assert _Gateway.asked[1] == ("POST", "/v1/bundles", file.read_bytes())
    absent = summit(state, "bundle", "export", "none")
    assert (absent.exit_code, "no incident none" in absent.stderr) == (1, True)
    file.write_bytes(b"bad")
    damaged = summit(state, "bundle", "import", str(file))
    assert (damaged.exit_code, "alerts: its content" in damaged.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("export", "--format", "pdf"), ("bundle", "import", "absent.zip"), ("bundle", "dance")]
)
def test_usage_errors_ask_nobody(state: Path, arguments: tuple[str, ...]) -> None:
    assert summit(state, *arguments).exit_code == 2
    assert _Gateway.asked == []
