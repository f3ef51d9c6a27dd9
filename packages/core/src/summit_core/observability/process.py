"""What a process says of itself beside memory, CPU and garbage collection, which the client library exports."""

import asyncio
import platform
from typing import Final

from summit_core.observability.metrics import BUILD, LOOP_LAG

LOOK_EVERY_S: Final = 0.5


def measure_process(service: str, version: str) -> None:
    """Name the build, and measure how late the running event loop is, for as long as it runs.

    The lag is that of a timer which is due each half second: what every other task of the process waits as well.
    """
    BUILD.labels(service=service, version=version, python=platform.python_version()).set(1)
    loop = asyncio.get_running_loop()

    def look(due: float) -> None:
        now = loop.time()
        LOOP_LAG.observe(max(0.0, now - due))
        loop.call_at(now + LOOK_EVERY_S, look, now + LOOK_EVERY_S)

    look(loop.time())
