"""Write schemas/: a JSON Schema for every message, an OpenAPI document for every service; --check fails on drift."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import summit_fabric.app
import summit_fusion.app
import summit_gateway.app
import summit_intelligence.app
import summit_tasking.app
from fastapi import FastAPI
from summit_core.model import (
    Advisory,
    Alert,
    AnyObservation,
    Approval,
    DeadLetter,
    Entity,
    Incident,
    Override,
    Presence,
    Registration,
    SourceAccount,
    Task,
    TaskStatus,
    WorldEvent,
    Zone,
)
from summit_fabric.settings import FabricSettings
from summit_fusion.settings import FusionSettings
from summit_gateway.settings import GatewaySettings
from summit_intelligence.settings import Settings as IntelligenceSettings
from summit_tasking.settings import Settings as TaskingSettings

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
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
    "summit.zone.1": Zone,
    "summit.presence.1": Presence,
    "summit.override.1": Override,
    "summit.registration.1": Registration,
}


def _any_json(type_: type) -> dict[str, Any]:
    """``Raw`` is JSON that is passed on as it is."""
    if type_ is msgspec.Raw:
        return {}
    raise NotImplementedError(type_)


def _documents() -> dict[str, FastAPI]:
    """The apps, unconnected: nothing listens and nothing is called."""
    common: dict[str, Any] = {"nats_url": "nats://unused", "service_key": "unused" * 4, "port": 0}
    urls: dict[str, Any] = {f"{name}_url": "http://unused" for name in ("fabric", "intelligence", "tasking")}
    database: dict[str, Any] = {"database_url": "postgresql://unused"}
    door: dict[str, Any] = {"session_secret": "unused" * 6, "admin_key_file": "unused"}
    return {
        "api-gateway": summit_gateway.app.build_app(GatewaySettings(**common, **database, **door, **urls)),
        "fabric": summit_fabric.app.build_app(FabricSettings(**common, **database)),
        "fusion": summit_fusion.app.build_app(FusionSettings(**common)),
        "intelligence": summit_intelligence.app.build_app(IntelligenceSettings(**common)),
        "tasking": summit_tasking.app.build_app(TaskingSettings(**common)),
    }


def generated() -> dict[Path, str]:
    files = {}
    for name, app in _documents().items():
        files[FOLDER / "openapi" / f"{name}.json"] = json.dumps(app.openapi(), indent=2, sort_keys=True) + "\n"
    for name, type_ in MESSAGES.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{name}"}
        schema |= msgspec.json.schema(type_, schema_hook=_any_json)
        files[FOLDER / "events" / f"{name}.schema.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on a difference")
    check = parser.parse_args().check
    files = generated()
    present = set(FOLDER.glob("*/*.json"))
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += sorted(present - set(files))
    if check:
        for path in stale:
            print(f"schema drift: {path.name}; run `make schemas` and commit the result")
        return 1 if stale else 0
    for path in present - set(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(files)} schemas, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
