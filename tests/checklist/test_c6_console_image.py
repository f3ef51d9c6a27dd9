"""C6: the console image builds from a clean clone, is healthy and serves its page (tests/stack/test_images.py)."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Judge = Callable[..., bool]
PASSED = '<testsuite><testcase name="test_the_console_builds"/></testsuite>'
FAILED = '<testsuite><testcase name="test_the_console_builds"><failure message="no page"/></testcase></testsuite>'


def test_the_console_was_built_and_served_its_page(stack_result: Judge) -> None:
    assert stack_result("test_the_console_builds_from_a_clean_clone_and_serves_its_page")


@pytest.mark.planted("a report in which the build failed, and one in which it did not run")
def test_a_planted_failure_of_the_build_is_a_failure_here(stack_result: Judge, tmp_path: Path) -> None:
    for text in (FAILED, "<testsuite/>"):
        (tmp_path / "stack.xml").write_text(text)
        with pytest.raises(AssertionError, match="test_the_console_builds"):
            stack_result("test_the_console_builds", report=tmp_path / "stack.xml")
    (tmp_path / "stack.xml").write_text(PASSED)
    assert stack_result("test_the_console_builds", report=tmp_path / "stack.xml")


def missing(dockerfile: str, clone: set[str]) -> list[str]:
    """What a Dockerfile copies that a clean clone does not have."""
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]
    ]
    return [one for one in copied if not any(f"{path}/".startswith(f"{one.rstrip('/')}/") for path in clone)]


@pytest.mark.planted("a Dockerfile that copies the folder public, which no clone has")
def test_all_that_an_image_copies_is_in_a_clean_clone() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    clone = set(listed.split("\0")) - {""}
    files = [*ROOT.glob("apps/*/Dockerfile"), *ROOT.glob("infra/docker/*Dockerfile")]
    assert len(files) == 7
    assert {str(path): found for path in files if (found := missing(path.read_text(), clone))} == {}
    assert missing("COPY apps/console/public ./public", clone) == ["apps/console/public"]
    assert missing("COPY apps/console/src apps/console/lib ./", clone) == ["apps/console/lib"]
