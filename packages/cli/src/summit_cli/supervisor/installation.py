"""One installation: start it, stay with it, stop it."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

from summit_core.scheduling import take_turns

from summit_cli.endpoints_file import Endpoints
from summit_cli.state import StateDir
from summit_cli.supervisor.report import Report
from summit_cli.supervisor.startup import Options, Startup
from summit_cli.supervisor.supervisor import Supervisor

Announce = Callable[[Endpoints, float], None]
"""Called once when all is ready, with the seconds that it took."""


async def run(options: Options, announce: Announce) -> None:
    """Until SIGINT, SIGTERM or SIGHUP. Raises ``ClickException`` when it cannot become ready."""
    began = time.monotonic()
    state = StateDir(options.state_dir)
    state.create()
    lock = state.lock()
    take_turns()  # and so do the broker and the database, which we start
    report = Report(state.log("supervisor"))
    supervisor = Supervisor(state, report)
    starting = asyncio.create_task(Startup(options, state, supervisor, report).run())
    stopping = asyncio.create_task(_stop_signal().wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            endpoints, seconds = starting.result(), time.monotonic() - began
            report(f"ready in {seconds:.1f} s", level="debug", gateway=endpoints.gateway)
            announce(endpoints, seconds)
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await _shut_down(state, supervisor, report)
        os.close(lock)


async def _shut_down(state: StateDir, supervisor: Supervisor, report: Report) -> None:
    began = time.monotonic()
    state.endpoints.unlink(missing_ok=True)
    await supervisor.stop()
    report(f"stopped in {time.monotonic() - began:.1f} s")


def _stop_signal() -> asyncio.Event:
    """Set by the signals that ask for an end. A hang-up that the caller ignores (nohup) stays ignored."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    return stop
