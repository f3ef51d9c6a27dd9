"""K3: there is one model of errors, in core; no app has another. That each image has core is asked of the images
themselves (tests/stack, ``test_no_image_misses_the_shared_package``)."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def roots_of_errors(source: str) -> list[str]:
    """Classes that begin a tree of errors of their own instead of growing from that of core."""
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    names = {node.name: {base.id for base in node.bases if isinstance(base, ast.Name)} for node in classes}
    return [name for name, bases in names.items() if bases & {"Exception", "BaseException"} or name == "ErrorCode"]


def strangers(app: Path) -> set[str]:
    return {name for path in app.rglob("*.py") for name in roots_of_errors(path.read_text(encoding="utf-8"))}


def test_no_app_has_a_model_of_errors_of_its_own() -> None:
    apps = sorted((ROOT / "apps").glob("*/src/summit_*"))
    assert len(apps) == 5
    assert {app.name: found for app in apps if (found := strangers(app))} == {}


def test_another_model_is_noticed() -> None:
    assert roots_of_errors("class ErrorCode(StrEnum): pass") == ["ErrorCode"]
    assert roots_of_errors("class OursError(Exception): pass\nclass Fine(InputError): pass") == ["OursError"]
