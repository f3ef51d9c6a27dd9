"""K2: each image installs its lock, hashes required, into an environment that the last stage copies."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")


def faults(dockerfile: str, app: str) -> list[str]:
    build, _, last = dockerfile.rpartition("\nFROM ")
    wanted = {
        f"COPY apps/{app}/requirements.lock": build,
        "pip --python /opt/summit/bin/python install --require-hashes": build,
        "COPY --from=build /opt/summit /opt/summit": last,
        "USER 10001": last,
    }
    found = [text for text, where in wanted.items() if text not in where]
    return found + (["pip in the last stage"] if "pip " in last else [])


@pytest.mark.parametrize("app", APPS)
def test_the_lock_is_what_the_image_holds(app: str) -> None:
    assert faults((ROOT / "apps" / app / "Dockerfile").read_text(), app) == []


@pytest.mark.planted("an install without --require-hashes, and pip in the last stage")
def test_an_install_without_hashes_is_noticed() -> None:
    text = (ROOT / "apps" / "fabric" / "Dockerfile").read_text()
    assert faults(text.replace("--require-hashes ", ""), "fabric") != []
    assert faults(text + "\nRUN pip install more\n", "fabric") == ["pip in the last stage"]
