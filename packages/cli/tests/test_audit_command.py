"""`summit audit` and `summit handover`, against a gateway that stands in, and offline."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from stand_in import StandIn, standing_in
from summit_cli.main import main
from summit_core.audit.chain import GENESIS, link
from summit_core.audit.head import Head, sign
from summit_core.security.nkey import AccountKey

KEY = AccountKey.new()
AT = "2026-01-02T03:04:05Z"
RECORD = {"id": "r1", "at": AT, "action": "POST /v1/alerts/{id}/ack", "outcome": "done", "object": "<b>a1</b>"}
STATEMENT = {"text": "<script>alert(1)</script>", "at": AT, "cites": ["a1", "r1"]}
SECTIONS = [
    {"name": "alerts", "title": "Alerts", "statements": [STATEMENT | {"details": [STATEMENT]}], "left_out": 2},
    {"name": "tasks", "title": "Tasks", "statements": [], "left_out": 0},
]


def chain() -> bytes:
    lines, prev = [], GENESIS
    for seq in range(1, 5):
        placed = link(RECORD | {"id": f"r{seq}"}, seq, prev)
        lines.append(placed.line)
        prev = placed.hash
    head = Head(organisation="default", at=datetime(2026, 1, 2, tzinfo=UTC), seq=4, hash=prev)
    return b"".join(line + b"\n" for line in [*lines, sign(head, KEY).line])


class Answers(StandIn):
    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/v1/audit/export"):
            self.answer(200, chain())
        elif self.path.startswith("/v1/audit"):
            self.answer(200, {"items": [RECORD | {"seq": 7, "client": "10.0.0.1"}], "next": "7", "seq": 0})
        else:
            head = {"seq": 4, "hash": "ab"}
            brief = {"organisation": "default", "since": AT, "until": AT, "audit_head": head, "sections": SECTIONS}
            self.answer(200, brief)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with standing_in(Answers, tmp_path) as made:
        (made / "secrets.json").write_text(json.dumps({"audit": {"seed": "x", "public": KEY.public}}))
        yield made


def run(folder: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words, "--state-dir", str(folder)])
    assert result.exit_code == code, result.output
    return result.output


def test_list_asks_what_is_wanted(folder: Path) -> None:
    words = ("--principal", "Ada", "--object", "a1", "--outcome", "denied", "--since", "2026-01-01")
    assert "nobody, from 10.0.0.1: POST /v1/alerts/{id}/ack" in run(folder, "audit", "list", *words)
    asked = Answers.asked[-1]
    for part in ("principal=Ada", "object=a1", "outcome=denied", "since=2026-01-01T00"):
        assert part in asked
    assert json.loads(run(folder, "audit", "list", "--json"))["items"][0]["seq"] == 7


def test_an_export_is_proven_by_the_key_of_the_installation(folder: Path) -> None:
    file = folder / "audit.ndjson"
    run(folder, "audit", "export", "--output", str(file))
    told = json.loads(run(folder, "audit", "verify", str(file), "--json"))
    assert (told["holds"], told["records"], told["trusted"]) == (True, 4, True)
    assert "BROKEN" in run(folder, "audit", "verify", str(file), "--key", AccountKey.new().public, code=1)
    head = f"{told['seq']}:{told['hash']}"
    assert "holds: 4 records" in run(folder, "audit", "verify", str(file), "--head", head)
    assert "BROKEN at record 4" in run(folder, "audit", "verify", str(file), "--head", f"4:{'0' * 64}", code=1)
    run(folder, "audit", "verify", str(file), "--head", "nonsense", code=2)


def test_the_first_broken_record_is_named(folder: Path) -> None:
    file = folder / "audit.ndjson"
    file.write_bytes(chain().replace(b'"id":"r3"', b'"id":"r9"'))
    assert "BROKEN at record 3 (changed)" in run(folder, "audit", "verify", str(file), code=1)
    told = json.loads(run(folder, "audit", "verify", str(file), "--json", code=1))
    assert (told["kind"], told["seq"], told["line"]) == ("changed", 3, 3)


def test_the_brief_names_what_it_rests_on(folder: Path) -> None:
    text = run(folder, "handover", "--since", "8h")
    assert "[a1, r1]" in text and "and 2 more" in text and "Tasks: none" in text
    assert json.loads(run(folder, "handover", "--since", "2026-01-01T06:00", "--json"))["sections"] == SECTIONS
    assert "since=2026-01-01T06:00:00" in Answers.asked[-1].replace("%3A", ":")
    page = run(folder, "handover", "--html")
    assert "<script>" not in page and "&lt;script&gt;" in page and "<code>r1</code>" in page
    run(folder, "handover", "--since", "yesterday", code=2)
