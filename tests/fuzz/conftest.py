"""The system of the end-to-end tests, fed with everything but what it asks for."""

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

launch, system = _e2e.launch, _e2e.system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inputs", type=int, default=2_100, help="hostile inputs, over all doors (the full form: 100000)")
    parser.addoption("--fuzz-seed", type=int, default=1, help="the same seed sends the same inputs")
