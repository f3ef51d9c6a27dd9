"""Looks for secrets in every file that git knows or would add, with detect-secrets against an empty baseline.

Prints where one is, never what it is, and exits 1. The only values let through are the stand-ins of tests and documents
below: write a new one so that it says what it is (``canary``, ``example``, ``of-the-tests``).
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
NOT_WRITTEN_BY_HAND: Final = r"(^|/)(uv\.lock|requirements\.lock|package-lock\.json)$|\.(png|bin)$|^schemas/"
STAND_INS: Final = (
    r".*([Cc]anary|CANARY|[Ee]xample|EXAMPLE|of-the-tests|for-tests).*",
    r"(password|pass|pw|right|guess|hidden|hunter2+|s3cret|S3CRETVALUE|test-service-key-0123456789)",
    r"password=S3CRETVALUE",
    r"(secret|root:|eleven char|A-Very-Long-Name|not the words|(some|other) words of mine)",
    r"(Password|New password \(at least 12 characters\)|(current|new)[-_]password)",  # labels, names of fields
    r"(password_change_required|idempotency_secret)",  # codes of errors
    r"scram-sha-256",  # the name of a method
    r"0123456789ABCDEFGHJKMNPQRSTVWXYZ",  # the alphabet of Crockford's base 32
    r"\{.*\}",  # of a format string: what is put in there is not known here
)
STAND_IN_LINES: Final = (r"\{CANARY\}", r"eyJ[\w-]+\.eyJ[\w-]+\.C4NARY")


def scan(folder: Path, files: list[str]) -> list[str]:
    """``file:line: kind`` of each finding. Nothing is sent anywhere to see whether a secret works."""
    command = [sys.executable, "-m", "detect_secrets", "scan", "--no-verify"]
    command += [part for one in STAND_INS for part in ("--exclude-secrets", f"^{one}$")]
    command += [part for one in STAND_IN_LINES for part in ("--exclude-lines", one)]
    done = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["results"]
    return [f"{file}:{one['line_number']}: {one['type']}" for file, all_ in sorted(found.items()) for one in all_]


def known(folder: Path) -> list[str]:
    """What git knows there or would add; where git knows nothing, every file."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if listed.returncode != 0:
        return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    names = (name for name in listed.stdout.split("\0") if name and not re.search(NOT_WRITTEN_BY_HAND, name))
    return [name for name in names if (folder / name).is_file()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT, help="what to look through")
    folder = parser.parse_args().folder.resolve()
    found = scan(folder, known(folder))
    for line in found:
        print(line)
    print(f"secrets: {len(found)} found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
