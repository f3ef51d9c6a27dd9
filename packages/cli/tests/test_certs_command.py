"""`summit certs` as a person and as a program use it: what it makes, says, refuses, and with which exit code."""

import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from summit_cli.certs.authority import Authority, now
from summit_cli.certs.issue import Kind
from summit_cli.main import main

Run = Callable[..., Result]
COMMANDS = ("init", "issue", "renew", "revoke", "list", "show")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["certs", *words], env={"SUMMIT_CERTS_DIR": str(tmp_path / "certs")})
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    run("init")
    return tmp_path / "certs"


def _json(result: Result) -> Any:
    return json.loads(result.stdout)


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_does(run: Run, command: str) -> None:
    assert command in run("--help").stdout
    shown = run(command, "--help").stdout
    assert "--dir" in shown
    assert "--json" in shown


def test_init_makes_an_authority_whose_keys_only_the_owner_reads(run: Run, tmp_path: Path) -> None:
    made = _json(run("init", "--json"))
    assert set(made) == {"root", "services", "devices"}
    keys = list((tmp_path / "certs").glob("*.key"))
    assert len(keys) == 3
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_nothing_is_overwritten(run: Run, folder: Path) -> None:
    run("issue", "gas-7", "--kind", "device")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "holds an authority already" in run("init", code=1).output
    assert "renew it with: summit certs renew gas-7" in run("issue", "gas-7", "--kind", "device", code=1).output
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_issue_says_where_the_files_are_and_never_shows_the_key(run: Run, folder: Path) -> None:
    result = run("issue", "fabric", "--kind", "server", "--san", "fabric", "--san", "127.0.0.1", "--json")
    made = _json(result)
    assert (made["name"], made["kind"], made["names"]) == ("fabric", "server", ["fabric", "127.0.0.1"])
    assert made["days_left"] in {29, 30}
    assert made["not_after"].endswith("Z")
    key = Path(made["key"])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" not in result.output
    assert key.read_text().splitlines()[1] not in result.output
    assert _certificate(Path(made["certificate"])).serial_number == int(made["serial"], 16)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("issue", "fabric", "--kind", "server"), 2, "needs --san"),
        (("issue", "gas-7", "--kind", "device", "--san", "gas-7"), 2, "has no --san"),
        (("issue", "x", "--kind", "thing"), 2, "thing"),
        (("issue", "../x", "--kind", "device"), 1, "is no name"),
        (("issue", "x", "--kind", "server", "--san", "evil.example.com"), 1, "may not sign for evil.example.com"),
        (("issue", "x", "--kind", "device", "--days", "400"), 2, "400"),
        (("renew", "nobody"), 1, "no certificate of 'nobody'"),
        (("revoke", "nobody"), 1, "no certificate of 'nobody'"),
        (("show", "nobody"), 1, "summit certs list"),
    ],
)
def test_a_wrong_word_is_named_with_what_to_do(
    run: Run, folder: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    assert says in run(*words, code=code).output


def test_without_an_authority_each_says_how_to_make_one(run: Run) -> None:
    for words in (("issue", "a", "--kind", "device"), ("renew",), ("revoke", "a"), ("list",), ("show", "a")):
        assert "summit certs init" in run(*words, code=1).output


def test_renew_takes_what_is_due_and_keeps_the_key(run: Run, folder: Path) -> None:
    authority = Authority.open(folder)
    authority.issue("old", Kind.DEVICE, (), now() - timedelta(days=21))
    authority.issue("young", Kind.DEVICE, (), now())
    key, before = authority.key("old").read_bytes(), _certificate(authority.certificate("old"))
    assert [one["name"] for one in _json(run("renew", "--json"))] == ["old"]
    after = _certificate(authority.certificate("old"))
    assert after.serial_number != before.serial_number
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert authority.key("old").read_bytes() == key
    assert "nothing is due" in run("renew").stdout
    run("renew", "young", "--new-key")
    assert {one["name"] for one in _json(run("renew", "--all", "--json"))} == {"old", "young"}
    run("renew", "old", "--new-key")
    assert authority.key("old").read_bytes() != key


def test_revoke_puts_all_of_a_name_on_the_list_and_only_on_its_own(run: Run, folder: Path) -> None:
    run("issue", "gas-7", "--kind", "device")
    run("renew", "gas-7")
    run("issue", "operator", "--kind", "client")
    gone = _json(run("revoke", "gas-7", "--json"))
    assert len(gone["serials"]) == 2
    devices = x509.load_pem_x509_crl((folder / "revoked-devices.pem").read_bytes())
    assert {f"{entry.serial_number:x}" for entry in devices} == set(gone["serials"])
    assert devices.is_signature_valid(_certificate(folder / "devices.pem").public_key())  # type: ignore[arg-type]  # EC
    services = x509.load_pem_x509_crl((folder / "revoked.pem").read_bytes())  # the first of its two
    assert list(services) == []
    assert "is revoked; issue it anew" in run("renew", "gas-7", code=1).output
    assert "revoked 0 of gas-7" in run("revoke", "gas-7").stdout
    run("issue", "gas-7", "--kind", "device")
    assert [one["revoked"] for one in _json(run("show", "gas-7", "--json"))] == [True, True, False]
    assert run("show", "gas-7").stdout.count(", revoked ") == 2


def test_list_warns_of_the_end_and_fails_at_it(run: Run, folder: Path) -> None:
    authority = Authority.open(folder)
    authority.issue("fresh", Kind.DEVICE, (), now())
    authority.issue("due", Kind.DEVICE, (), now() - timedelta(days=25))
    lines = {line.split()[0]: line for line in run("list").stdout.splitlines()}
    assert lines["due"].endswith("renew it")
    assert not lines["fresh"].endswith("renew it")
    authority.issue("ended", Kind.DEVICE, (), now() - timedelta(days=40))
    shown = {one["name"]: one for one in _json(run("list", "--json", code=1))}
    assert (shown["ended"]["days_left"] < 0, shown["due"]["due"], shown["fresh"]["due"]) == (True, True, False)
    assert datetime.fromisoformat(shown["due"]["not_after"]) == authority.current()["due"].ends
    run("renew", "ended")
    run("list")
