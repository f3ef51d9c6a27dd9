"""The running system whose OpenAPI documents are put to the test, and who calls it."""

import importlib.util
import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # importlib mode does not let a test import the module beside it

_spec = importlib.util.spec_from_file_location("e2e_fixtures_of_openapi", HERE.parent / "e2e" / "conftest.py")
assert _spec is not None and _spec.loader is not None
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

launch = _e2e.launch
UNLIMITED = (
    *("anonymous", "public", "public_alerts", "operator", "writes", "sign_in", "refreshes", "sign_in_account"),
    *("sign_in_account_anywhere", "failed_credential", "failed_address", "files", "stream_openings"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=300, help="over all services (the full form: 20000)")
    parser.addoption("--api-seed", type=int, default=1, help="the same seed draws the same calls")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def system(launch: Any) -> Any:
    """The ridge fire burns, so that there are alerts, incidents and tasks; nobody is throttled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUMMIT_LIMITS", json.dumps(dict.fromkeys(UNLIMITED, "1000000/1")))
        return launch("--scenario", "ridge-fire", "--speed", "10", "--port", str(_free_port()))


@pytest.fixture(scope="module")
def callers(system: Any) -> dict[str, dict[str, str]]:
    """The headers of each at the gateway."""
    administrator = {"Authorization": f"Bearer {system.key}"}
    url = f"{system.endpoints['gateway']}/v1/keys"
    made = requests.post(url, json={"name": "viewer", "role": "viewer"}, headers=administrator, timeout=10).json()
    return {
        "administrator": administrator,
        "viewer": {"Authorization": f"Bearer {made['key']}"},
        "anonymous": {},
    }


@pytest.fixture(scope="module")
def behind(system: Any) -> dict[str, dict[str, str]]:
    """The headers of each at a service behind the gateway."""
    key = json.loads((system.state_dir / "secrets.json").read_text())["service_key"]

    def acting(role: str) -> dict[str, str]:
        principal = json.dumps({"id": f"{role}-1", "name": role, "role": role})
        return {"Authorization": f"Bearer {key}", "X-Summit-Principal": principal}

    return {"administrator": acting("administrator"), "viewer": acting("viewer"), "anonymous": {}}
