"""`summit secrets` on real files: what it makes, what it never does."""

import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from summit_cli import secret_files
from summit_cli.commands.secrets import secrets
from summit_core.security.nkey import AccountKey


def _run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(secrets, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    _run("init", "--dir", str(made))
    return made


def test_all_are_made_for_their_owner_alone_and_never_printed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "secrets"
    output = _run("init", "--dir", str(folder), "--json") + _run("check", "--dir", str(folder))
    content = _content(folder)
    assert set(content) == set(secret_files.NAMES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert not [value for value in content.values() if value and value in output]


def test_no_two_installations_share_a_secret(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _run("init", "--dir", str(tmp_path / name))
    one, other = _content(tmp_path / "a"), _content(tmp_path / "b")
    assert [name for name in secret_files.MAKERS if one[name] == other[name]] == []
    assert all(len(one[name]) >= 43 for name in secret_files.MAKERS)


def test_urls_and_the_brokers_users_hold_the_same_secrets(folder: Path) -> None:
    content = _content(folder)
    assert urlsplit(content["database_url"]).password == content["postgres_password"]
    assert urlsplit(content["nats_url"]).password == content["nats_service_password"]
    assert content["nats_system_password"] in content["nats_users.conf"]
    assert AccountKey(content["nats_issuer_seed"]).public in content["nats_users.conf"]


def test_again_changes_nothing_and_makes_what_is_missing(folder: Path) -> None:
    before = _content(folder)
    (folder / "session_secret").unlink()
    (folder / "service_key").chmod(0o644)
    assert "session_secret" in _run("check", "--dir", str(folder), code=1)
    assert "service_key" in json.loads(_run("check", "--dir", str(folder), "--json", code=1))["readable by others"]
    assert json.loads(_run("init", "--dir", str(folder), "--json"))["made"] == ["session_secret"]
    _run("check", "--dir", str(folder))
    after = _content(folder)
    assert {name for name in before if before[name] != after[name]} == {"session_secret"}


def test_rotating_keeps_the_old_value_until_the_overlap_ends(folder: Path) -> None:
    old = (folder / "service_key").read_text()
    output = _run("rotate", "service_key", "--dir", str(folder))
    new = (folder / "service_key").read_text()
    assert (new != old, (folder / "service_key_previous").read_text()) == (True, old)
    assert new not in output
    assert old not in output
    _run("rotate", "service_key", "--end", "--dir", str(folder))
    assert (folder / "service_key_previous").read_text() == ""
    assert "SECRETS_MANAGEMENT" in _run("rotate", "postgres_password", "--dir", str(folder), code=1)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--dir" in _run("init", "--dir", str(tmp_path / "file"), code=2)
