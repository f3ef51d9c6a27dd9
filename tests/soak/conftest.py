"""The system of the end-to-end tests, under a load that does not end."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WARM_UP_S = 180.0
"""The broker remembers the ids of messages for two minutes (``duplicate_window``), so that long its memory has to grow;
and a minute for its garbage collector to have seen that."""

_spec = importlib.util.spec_from_file_location("e2e_fixtures", HERE.parent / "e2e" / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

launch, system, api, eventually = _e2e.launch, _e2e.system, _e2e.api, _e2e.eventually


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=600.0, help="how long the load lasts, after the warm-up")
    parser.addoption("--rate", type=float, default=1_000.0, help="observations a second")
    parser.addoption(
        "--warm-up", type=float, default=WARM_UP_S, help="seconds of load before memory is first looked at"
    )
