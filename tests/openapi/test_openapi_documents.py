"""Every service answers whatever its OpenAPI document allows, and what it does not, as the document says.

The quick form sends 300 requests to some operations; ``make fuzz-api`` sends 20,000 to all of them.
"""

import time
from typing import Any

import pytest
import requests
from pool import LISTED
from prober import Prober, Service

SERVICES = ("api-gateway", "fabric", "fusion", "intelligence", "tasking")


@pytest.fixture
def services(system: Any, callers: dict[str, dict[str, str]], behind: dict[str, dict[str, str]]) -> list[Service]:
    def described(name: str) -> Service:
        url = system.endpoints["services"][name]
        document = requests.get(f"{url}/openapi.json", timeout=10).json()
        return Service(name, url, document, callers if name == "api-gateway" else behind)

    return [described(name) for name in SERVICES]


@pytest.mark.timeout(1800)
def test_every_answer_is_in_the_document(
    request: pytest.FixtureRequest, system: Any, callers: dict[str, dict[str, str]], services: list[Service]
) -> None:
    wanted, seed = request.config.getoption("--requests"), request.config.getoption("--api-seed")
    prober = Prober(services, seed)
    for name in LISTED:
        url = f"{system.endpoints['gateway']}/v1/{name}"
        answer = requests.get(url, headers=callers["administrator"], timeout=10)
        prober.pool.learn(f"/v1/{name}", answer.content)
    began = time.monotonic()
    prober.run(wanted)
    print(f"\nseed {seed}, {time.monotonic() - began:.0f} s: " + "\n".join(prober.report()))
    assert not prober.faults, "\n".join(prober.report())
    assert prober.total >= wanted
    assert all(prober.sent.values())
