"""The system of the end-to-end tests, made to suffer."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # importlib mode does not let a test import the module beside it

_spec = importlib.util.spec_from_file_location("e2e_fixtures", HERE.parent / "e2e" / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

launch, system, api, eventually = _e2e.launch, _e2e.system, _e2e.api, _e2e.eventually


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="2,000 observations a second for 60 s instead of 500 for 20 s")
