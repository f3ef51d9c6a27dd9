"""C6: the console image builds from a clean clone, is healthy and serves its page (tests/stack/test_images.py)."""

from collections.abc import Callable
from pathlib import Path

import pytest

Judge = Callable[..., bool]
PASSED = '<testsuite><testcase name="test_the_console_builds"/></testsuite>'
FAILED = '<testsuite><testcase name="test_the_console_builds"><failure message="no page"/></testcase></testsuite>'


def test_the_console_was_built_and_served_its_page(stack_result: Judge) -> None:
    assert stack_result("test_the_console_builds_from_a_clean_clone_and_serves_its_page")


def test_a_planted_failure_of_the_build_is_a_failure_here(stack_result: Judge, tmp_path: Path) -> None:
    for text in (FAILED, "<testsuite/>"):
        (tmp_path / "stack.xml").write_text(text)
        with pytest.raises(AssertionError, match="test_the_console_builds"):
            stack_result("test_the_console_builds", report=tmp_path / "stack.xml")
    (tmp_path / "stack.xml").write_text(PASSED)
    assert stack_result("test_the_console_builds", report=tmp_path / "stack.xml")
