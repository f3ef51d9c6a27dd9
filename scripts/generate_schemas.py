"""Write the JSON Schemas of every message to schemas/events/; with --check, fail when they differ."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from summit_core.model import (
    Advisory,
    Alert,
    AnyObservation,
    Approval,
    DeadLetter,
    Entity,
    Incident,
    SourceAccount,
    Task,
    TaskStatus,
    WorldEvent,
)

FOLDER = Path(__file__).resolve().parents[1] / "schemas" / "events"
MESSAGES: dict[str, Any] = {
    "summit.observation.1": AnyObservation,
    "summit.entity.1": Entity,
    "summit.incident.1": Incident,
    "summit.alert.1": Alert,
    "summit.advisory.1": Advisory,
    "summit.task.1": Task,
    "summit.task-status.1": TaskStatus,
    "summit.approval.1": Approval,
    "summit.dead-letter.1": DeadLetter,
    "summit.source.1": SourceAccount,
    "summit.world.1": WorldEvent,
}


def _any_json(type_: type) -> dict[str, Any]:
    """``Raw`` is JSON that is passed on as it is."""
    if type_ is msgspec.Raw:
        return {}
    raise NotImplementedError(type_)


def generated() -> dict[Path, str]:
    files = {}
    for name, type_ in MESSAGES.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{name}"}
        schema |= msgspec.json.schema(type_, schema_hook=_any_json)
        files[FOLDER / f"{name}.schema.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on a difference")
    check = parser.parse_args().check
    files = generated()
    present = set(FOLDER.glob("*.schema.json"))
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += sorted(present - set(files))
    if check:
        for path in stale:
            print(f"schema drift: {path.name}; run `make schemas` and commit the result")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in present - set(files):
        path.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(files)} schemas, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
