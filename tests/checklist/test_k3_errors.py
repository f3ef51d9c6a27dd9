"""K3: there is one model of errors, in core; no app has another. That each image has core is asked of the images
themselves (tests/stack, ``test_no_image_misses_the_shared_package``)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def models_of_errors(source: str) -> list[str]:
    """Classes with codes or statuses of their own that do not grow from the tree of core. What only carries control
    within a module has neither."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
        told = {name.id for part in node.body for name in ast.walk(part) if isinstance(name, ast.Name)}
        if node.name == "ErrorCode" or (bases & {"Exception", "BaseException"} and told & {"status", "code"}):
            found.append(node.name)
    return found


def strangers(app: Path) -> set[str]:
    return {name for path in app.rglob("*.py") for name in models_of_errors(path.read_text(encoding="utf-8"))}


def test_no_app_has_a_model_of_errors_of_its_own() -> None:
    apps = sorted((ROOT / "apps").glob("*/src/summit_*"))
    assert len(apps) == 5
    assert {app.name: found for app in apps if (found := strangers(app))} == {}


@pytest.mark.planted("an app with codes and statuses of its own")
def test_another_model_is_noticed() -> None:
    assert models_of_errors("class ErrorCode(StrEnum): pass") == ["ErrorCode"]
    assert models_of_errors("class OursError(Exception): status = 418") == ["OursError"]
    assert models_of_errors("class Fine(InputError): status = 415\nclass Inner(Exception): pass") == []
