"""The scripts behind the Makefile tell the truth, above all when something is wrong."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUMMARY = ROOT / "scripts" / "test_summary.py"


def run(*command: str | Path, cwd: Path = ROOT) -> tuple[int, list[str]]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def junit(path: Path, *inside: str) -> Path:
    cases = "".join(f"<testcase>{each}</testcase>" for each in inside)
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return path


def test_the_summary_adds_up(tmp_path: Path) -> None:
    one = junit(tmp_path / "1.xml", "", "", "<skipped/>")
    two = junit(tmp_path / "2.xml", "")
    assert run(sys.executable, SUMMARY, one, two) == (0, ["3 passed, 0 failed, 1 skipped"])


def test_the_summary_masks_nothing(tmp_path: Path) -> None:
    red = junit(tmp_path / "1.xml", "<failure/>", "<error/>", "")
    code, lines = run(sys.executable, SUMMARY, red, tmp_path / "absent.xml", "failed:lint", "skipped:browser (why)")
    assert code == 1
    assert lines[-1] == "1 passed, 4 failed, 1 skipped"
    assert "SKIPPED step: browser (why)" in lines


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with the limits script in it."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "check_limits.py").write_text((ROOT / "scripts" / "check_limits.py").read_text())
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def limits(repository: Path) -> tuple[int, list[str]]:
    return run(sys.executable, repository / "scripts" / "check_limits.py", cwd=repository)


def test_limits_are_kept(repository: Path) -> None:
    assert limits(repository) == (0, ["limits: 0 violations"])


def test_limits_list_each_violation(repository: Path) -> None:
    (repository / "long.py").write_text("x = 1\n" * 401)
    (repository / "long.tsx").write_text("//\n" * 251)
    (repository / "function.py").write_text("def f() -> None:\n" + "    x = 1\n" * 60)
    (repository / "broad.py").write_text("try:\n    x = 1\nexcept (OSError, Exception):\n    x = 2\n")
    (repository / "wrong.py").write_text("def\n")
    code, lines = limits(repository)
    assert code == 1
    assert [line.split(":")[0] for line in lines[:-1]] == ["broad.py", "function.py", "long.py", "long.tsx", "wrong.py"]


def test_only_the_supervision_point_catches_everything(repository: Path) -> None:
    point = repository / "packages" / "core" / "src" / "summit_core" / "supervise.py"
    point.parent.mkdir(parents=True)
    point.write_text("try:\n    x = 1\nexcept Exception:\n    x = 2\n")
    assert limits(repository)[0] == 0


def test_make_help_names_every_public_target() -> None:
    code, lines = run("make", "help")
    assert code == 0
    named = {line.split()[0].replace("\x1b[1m", "") for line in lines if "\x1b[1m" in line}
    assert {"help", "setup", "run", "test", "check", "e2e", "bench", "up", "down", "health", "clean"} <= named


def test_the_page_of_figures_says_what_the_results_say_and_which_bar_is_missed(tmp_path: Path) -> None:
    for folder in ("bench/results", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "docs" / "ops").mkdir(parents=True)
    page, audit = tmp_path / "docs" / "ops" / "figures.md", tmp_path / "bench" / "results" / "audit.json"
    script = tmp_path / "scripts" / "figures.py"
    told = "| records to the committed, chained, signed row |"
    for per_s, says in ((12_345.6, f"{told} 12,346 a second |"), (9_999.0, f"{told} **9,999 a second, missed** |")):
        audit.write_text(json.dumps(json.loads(audit.read_text()) | {"per_s": per_s}))
        assert run(sys.executable, script, "--check")[0] == 1, "the page is another, or none"
        assert run(sys.executable, script) == (0, [])
        assert says in page.read_text()
        assert run(sys.executable, script, "--check")[0] == 0


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        (("3.11 1000", "3.11 800"), 1),
        (("3.11 1000", "3.11 900"), 0),  # not worth it
        (("3.11 1000", "3.12 500"), 0),  # another version is another environment
        (("exit", "3.11 1000", "3.11 700", "3.11 500"), 3),
    ],
)
def test_the_quickest_python_is_chosen(tmp_path: Path, answers: tuple[str, ...], chosen: int) -> None:
    folders = []
    for number, answer in enumerate(answers):
        fake = tmp_path / str(number) / "python3"
        fake.parent.mkdir()
        fake.write_text("#!/bin/sh\n" + ("exit 1" if answer == "exit" else f"echo {answer}") + "\n")
        fake.chmod(0o755)
        folders.append(str(fake.parent))
    bash = shutil.which("bash") or "bash"
    assert run("env", f"PATH={':'.join(folders)}", bash, ROOT / "scripts" / "quickest_python.sh") == (
        0,
        [f"{folders[chosen]}/python3"],
    )
