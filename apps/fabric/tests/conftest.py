"""A real fabric over the real broker and the real database."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not let a test import the module beside it

from fabric_harness import Fabric, running


@pytest.fixture
async def fabric(nats_url: str, database_url: str) -> AsyncIterator[Fabric]:
    async with running(nats_url, database_url) as one:
        yield one
