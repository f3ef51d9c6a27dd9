"""C10: every secret setting of every service is in docs/SECRETS_MANAGEMENT.md, no other is, and its commands run."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import Field, SecretStr
from summit_core.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "SECRETS_MANAGEMENT.md"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("secrets_document", ROOT / "scripts" / "secrets_document.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _script()


def undocumented(document: str, settings: dict[str, type[ServiceSettings]]) -> set[str]:
    """What the table and the settings do not agree on."""
    tables = document.split("## Every secret of the services", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"^\| `(SUMMIT_\w+)` \|", tables, re.MULTILINE))
    return named ^ {
        f"SUMMIT_{name.upper()}"
        for of in settings.values()
        for name, field in of.model_fields.items()
        if script.is_secret(field)
    }


def test_the_table_and_the_settings_agree() -> None:
    assert undocumented(DOCUMENT.read_text(), script.services()) == set()


def test_every_service_is_asked() -> None:
    assert {module.rsplit(".", 1)[0] for module, _ in script.SERVICES.values()} == {
        path.parent.name for path in (ROOT / "apps").glob("*/src/*/settings.py")
    }


def test_the_document_is_what_the_script_writes() -> None:
    written = script.document(script.secrets(script.services()), (ROOT / "scripts" / "secrets_document.md").read_text())
    assert DOCUMENT.read_text() == written


@pytest.mark.planted("a secret setting that nobody wrote down, and a row of the table that is gone")
def test_a_secret_that_is_not_documented_is_noticed() -> None:
    class Planted(ServiceSettings):
        planted_key: SecretStr = Field(description="nobody wrote this down")

    assert undocumented(DOCUMENT.read_text(), script.services() | {"planted": Planted}) == {"SUMMIT_PLANTED_KEY"}
    with pytest.raises(ValueError, match="SUMMIT_PLANTED_KEY"):
        script.secrets({"planted": Planted})
    without = DOCUMENT.read_text().replace("| `SUMMIT_SERVICE_KEY` |", "| gone |")
    assert undocumented(without, script.services()) == {"SUMMIT_SERVICE_KEY"}


def test_its_commands_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    commands = "\n".join(blocks).replace("/tmp/summit-secrets", str(tmp_path / "secrets"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(blocks) >= 2
    secret = (tmp_path / "secrets" / "service_key").read_text()
    assert secret not in done.stdout + done.stderr
