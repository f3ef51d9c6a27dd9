"""One way to serve: granian inside our own event loop, one process a service, a clean end on SIGTERM."""

import asyncio
import gc
import resource
import signal
from collections.abc import Callable
from typing import Any, Final

import structlog
import uvloop
from fastapi import FastAPI
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from summit_core.observability import spans
from summit_core.observability.logs import configure_logs, watch_loop
from summit_core.observability.process import measure_process
from summit_core.scheduling import take_turns
from summit_core.security.tls import server_options, watch
from summit_core.settings import ServiceSettings

OUR_LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}
"""The server's own lines go the way of all others and come out as JSON."""

FAREWELL_S = 0.3
YOUNG_OBJECTS = 50_000
"""Allocations between two looks of the garbage collector. Reference counts free nearly all that a batch makes; with the
default of 700 the collector took an eighth of fabric's time under load, and found nothing."""
LOOK_AT_LEAST_EVERY_S = 10.0
"""What refers to itself (an exception that its own callers hold) keeps all that it refers to until the next look. By
number alone that would be minutes, and tens of megabytes, where little else is made."""


WAITING: Final = 1024
"""Connections that the kernel holds for us until we take them."""
MOST_FILES: Final = 65_536
OTHER_FILES: Final = 500
"""Of what a process may open: the broker, the database, services behind, logs."""
log = structlog.get_logger(__name__)


def serve(service: str, settings: ServiceSettings, build: Callable[[], FastAPI]) -> None:
    """Run until SIGTERM or SIGINT. The app's lifespan starts and stops the service's loops.

    ``app.state.before_stop`` is called at the signal, ``FAREWELL_S`` before the server stops: it waits for open
    connections, and a stream never ends by itself.
    """
    configure_logs(service, settings.log_level)
    take_turns()
    connections = _take_all_files() - OTHER_FILES
    log.info("room for connections", connections=connections)
    watch(service, settings)
    spans.export(service, settings.otel_endpoint)
    uvloop.run(_serve(service, settings, build, connections))


async def _serve(service: str, settings: ServiceSettings, build: Callable[[], FastAPI], connections: int) -> None:
    app = build()
    measure_process(service, app.version)
    gc.freeze()  # code and wiring live for ever: nothing to look through again and again
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        log_access=False,
        backlog=WAITING,
        backpressure=connections,  # by itself as many as the backlog: 128 idle ones shut everybody out
        log_dictconfig=OUR_LOGS,
        **server_options(settings),
    )
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    _look_again(loop)
    tell: Callable[[], None] | None = getattr(app.state, "before_stop", None)

    def stop() -> None:
        if tell is not None:
            tell()
        loop.call_later(FAREWELL_S if tell is not None else 0.0, server.stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


def _take_all_files() -> int:
    """The soft limit of open files is that of a shell, often 1,024; how many we may have is the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(hard, MOST_FILES) if hard != resource.RLIM_INFINITY else MOST_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


def _look_again(loop: asyncio.AbstractEventLoop) -> None:
    gc.collect(1)
    loop.call_later(LOOK_AT_LEAST_EVERY_S, _look_again, loop)
