"""Writes docs/SECRETS_MANAGEMENT.md from the settings of every service; ``--check`` says whether it is up to date.

A secret is a setting of type ``SecretStr``. What the document says of it stands beside it, by
``summit_core.settings.secret``; one without that stops this script, so no secret can be left out.
"""

import argparse
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from summit_cli.secret_files import NAMES
from summit_core.settings import ServiceSettings

ROOT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = ROOT / "docs" / "SECRETS_MANAGEMENT.md"
TEXT: Final = ROOT / "scripts" / "secrets_document.md"
MARK: Final = "<!-- secrets -->\n"
SERVICES: Final = {
    "api-gateway": ("summit_gateway.settings", "GatewaySettings"),
    "fabric": ("summit_fabric.settings", "FabricSettings"),
    "fusion": ("summit_fusion.settings", "FusionSettings"),
    "intelligence": ("summit_intelligence.settings", "Settings"),
    "tasking": ("summit_tasking.settings", "Settings"),
}


@dataclass(slots=True)
class Secret:
    """One row of the document; ``owners``: the services that read it."""

    setting: str
    holds: str
    required: bool
    rotation: str
    breaks: str
    owners: list[str]


def services() -> dict[str, type[ServiceSettings]]:
    """The settings of each service."""
    return {name: getattr(import_module(module), class_) for name, (module, class_) in SERVICES.items()}


def is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))


def secrets(of: Mapping[str, type[ServiceSettings]]) -> list[Secret]:
    """Raises ``ValueError`` for one that does not say how it is rotated and what breaks without it."""
    found: dict[str, Secret] = {}
    for service, settings in of.items():
        for name, field in settings.model_fields.items():
            if is_secret(field):
                setting = f"SUMMIT_{name.upper()}"
                row = found.setdefault(setting, _row(service, setting, field))
                row.owners.append(service)
                row.required = row.required or field.is_required()
    return sorted(found.values(), key=lambda one: (not one.required, one.setting))


def _row(service: str, setting: str, field: FieldInfo) -> Secret:
    extra: Any = field.json_schema_extra
    if not isinstance(extra, dict) or not {"rotation", "breaks"} <= extra.keys():
        raise ValueError(f"{service}: {setting} is a secret, so declare it with summit_core.settings.secret(...)")
    holds, required = field.description or "", field.is_required()
    return Secret(setting, holds, required, str(extra["rotation"]), str(extra["breaks"]), [])


def document(rows: Iterable[Secret], text: str) -> str:
    """The text with the tables in place of the mark."""
    lines = ["| setting | read by | needed | what it holds | file of `make secrets` |", "|---|---|---|---|---|"]
    rows = list(rows)
    for row in rows:
        file = row.setting.removeprefix("SUMMIT_").lower()
        source = f"`{file}`" if file in NAMES else "yours to make"
        needed = "yes" if row.required else "no"
        lines.append(f"| `{row.setting}` | {', '.join(row.owners)} | {needed} | {_cell(row.holds)} | {source} |")
    lines += ["", "| setting | rotation | when it is wrong or lost |", "|---|---|---|"]
    lines += [f"| `{row.setting}` | {_cell(row.rotation)} | {_cell(row.breaks)} |" for row in rows]
    if text.count(MARK) != 1:
        raise ValueError(f"{TEXT} has no line {MARK.strip()}")
    return text.replace(MARK, "\n".join(lines) + "\n")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when it would change")
    check = parser.parse_args().check
    try:
        written = document(secrets(services()), TEXT.read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(str(error))
    if check and (not TARGET.exists() or TARGET.read_text(encoding="utf-8") != written):
        sys.exit(f"{TARGET.relative_to(ROOT)} is not what the settings say; write it with: make secrets-document")
    if not check:
        TARGET.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
