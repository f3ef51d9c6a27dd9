"""Writes the table of docs/ops/readiness.md: what is planted for each line of the checklist, and which test sees it.

    python scripts/readiness_document.py [--check]

What is planted stands at the test that plants it: ``@pytest.mark.planted("...")``.
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from readiness import FOLDER, ROOT, checks

DOCUMENT: Final = ROOT / "docs" / "ops" / "readiness.md"
BEGINS: Final = "| Line | Planted | Seen by |\n|---|---|---|\n"


class Planted(NamedTuple):
    """A fault, and the test in which the line's own check turns red on it."""

    what: str
    test: str


def planted(source: str) -> Iterator[Planted]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.planted":
                    yield Planted(ast.literal_eval(mark.args[0]), node.name)


def faults(folder: Path = FOLDER) -> dict[str, list[Planted]]:
    """Of each line that has a check."""
    return {
        line: [one for path in files for one in planted(path.read_text(encoding="utf-8"))]
        for line, files in checks(folder).items()
    }


def document(before: str, found: dict[str, list[Planted]], order: list[str]) -> str:
    """The page with its table made anew; a line without a fault says so."""
    rows = [
        f"| {line} | {one.what} | `{one.test}` |\n"
        for line in order
        if line in found
        for one in found[line] or [Planted("nothing", "")]
    ]
    return before.partition(BEGINS)[0] + BEGINS + "".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit 1 where the page is another.")
    asked = parser.parse_args()
    before = DOCUMENT.read_text(encoding="utf-8")
    text = document(before, faults(), list(tomllib.loads((FOLDER / "lines.toml").read_text(encoding="utf-8"))))
    if asked.check:
        if text != before:
            print(f"{DOCUMENT.relative_to(ROOT)} is out of date: run make readiness-document", file=sys.stderr)
        return int(text != before)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
