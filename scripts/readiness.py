"""The production checklist as a table: each line passed, failed, skipped (with the reason) or missing (no check).

A line is an id of ``tests/checklist/lines.toml``, its check the files ``tests/checklist/test_<id>_*.py``. A line has
passed only when each of its tests has; exits 1 when one failed or is missing. A skip never counts as a pass.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "tests" / "checklist"
_file_name = re.compile(r"test_([a-z]\d+)_\w+\.py")


@dataclass(frozen=True, slots=True)
class Line:
    """``result``: passed, failed, skipped or missing; ``why``: the failed tests, or the reasons of the skips."""

    id: str
    asks: str
    result: str
    tests: int = 0
    why: str = ""


def checks(folder: Path) -> dict[str, list[Path]]:
    """The files of each id."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("test_*.py")):
        if match := _file_name.fullmatch(path.name):
            found.setdefault(match[1].upper(), []).append(path)
    return found


def run(files: Iterable[Path], scratch: Path) -> tuple[int, Path]:
    """pytest's exit code and its JUnit report."""
    report = scratch / "readiness.xml"
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", f"--basetemp={scratch / 'tests'}"]
    options.append("--continue-on-collection-errors")  # one broken check shall not hide the others
    command = [sys.executable, "-m", "pytest", *map(str, files), *options]
    return subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode, report


def judge(asks: dict[str, str], files: dict[str, list[Path]], report: Path | None) -> list[Line]:
    """Each line by the cases of its files. A file that ran no case (it cannot be imported, say) has failed."""
    cases: dict[str, list[tuple[str, str, str]]] = {}
    for case in ElementTree.parse(report).iter("testcase") if report is not None and report.exists() else ():
        where = f"{case.get('classname', '')}.{case.get('name', '')}"
        if match := re.search(r"test_([a-z]\d+)_\w+", where):
            cases.setdefault(match[1].upper(), []).append(_outcome(case))
    return [_line(id_, text, id_ in files, cases.get(id_, [])) for id_, text in asks.items()]


def _outcome(case: ElementTree.Element) -> tuple[str, str, str]:
    for tag, result in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (found := case.find(tag)) is not None:
            return result, str(case.get("name")), str(found.get("message", "")).split("\n", 1)[0]
    return "passed", str(case.get("name")), ""


def _line(id_: str, asks: str, has_check: bool, cases: list[tuple[str, str, str]]) -> Line:
    if not has_check:
        return Line(id_, asks, "missing", why=f"no tests/checklist/test_{id_.lower()}_*.py")
    failed = [name for result, name, _ in cases if result == "failed"]
    if failed or not cases:
        return Line(id_, asks, "failed", len(cases), ", ".join(failed) or "ran no test")
    skipped = {reason for result, _, reason in cases if result == "skipped"}
    return Line(id_, asks, "skipped" if skipped else "passed", len(cases), "; ".join(sorted(skipped)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", help="only this line, for example H3")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where lines.toml and the checks are")
    options = parser.parse_args()
    asks = tomllib.loads((options.folder / "lines.toml").read_text(encoding="utf-8"))
    if options.id:
        wanted = options.id.upper()
        if wanted not in asks:
            sys.exit(f"no line {wanted}; the lines are: {', '.join(asks)}")
        asks = {wanted: asks[wanted]}
    files = {id_: paths for id_, paths in checks(options.folder).items() if id_ in asks}
    with tempfile.TemporaryDirectory() as scratch:
        report = None
        if files:
            _, report = run([path for paths in files.values() for path in paths], Path(scratch))
        lines = judge(asks, files, report)
    _show(lines, as_json=options.json)
    sys.exit(1 if any(line.result in {"failed", "missing"} for line in lines) else 0)


def _show(lines: list[Line], *, as_json: bool) -> None:
    totals = Counter(line.result for line in lines)
    if as_json:
        print(json.dumps({"lines": [asdict(line) for line in lines], "totals": totals}, indent=1))
        return
    for line in lines:
        print(f"{line.id:4} {line.result:8} {line.tests:3}  {line.asks[:70]:70}  {line.why[:160]}".rstrip())
    print(", ".join(f"{totals[result]} {result}" for result in ("passed", "failed", "skipped", "missing")))


if __name__ == "__main__":
    main()
