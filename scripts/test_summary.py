"""Adds up JUnit files and failed steps into one last line: ``N passed, N failed, N skipped``. Exits 1 on any failure.

A step (lint, types, …) that failed counts as one failure; a JUnit file that is missing or broken counts as one too.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def count(path: Path) -> Counter[str]:
    """Test cases of one file by their result."""
    found: Counter[str] = Counter()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            result = "failed"
        else:
            result = "skipped" if case.find("skipped") is not None else "passed"
        found[result] += 1
    return found


def main() -> None:
    """Arguments: JUnit files; ``failed:NAME`` for a failed step, ``skipped:NAME`` for one that could not run."""
    total: Counter[str] = Counter()
    for argument in sys.argv[1:]:
        result, _, name = argument.partition(":")
        if name and result in {"failed", "skipped"}:
            print(f"{result.upper()} step: {name}")
            total[result] += 1
            continue
        try:
            total += count(Path(argument))
        except (OSError, ElementTree.ParseError) as error:
            print(f"FAILED: no results in {argument}: {error}")
            total["failed"] += 1
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    sys.exit(1 if total["failed"] else 0)


if __name__ == "__main__":
    main()
