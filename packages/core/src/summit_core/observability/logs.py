"""Every line of every process is one JSON object, the server's own lines too (checklist H7)."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor

from summit_core.observability.redact import redact, redacted

__all__ = ["configure_logs", "leave", "redact", "watch_loop"]
UNCAUGHT: Final = "nobody caught an error"
_write_request: Callable[[dict[str, Any]], None] | None = None


def configure_logs(service: str, level: str = "info", *, to: TextIO | None = None) -> None:
    """Send structlog, the standard library's loggers, warnings and errors that nobody catches to stdout, as JSON lines
    with service, time and level, and without secrets."""

    def name_service(_: Any, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        name_service,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    global _write_request
    handler = logging.StreamHandler(to or sys.stdout)
    _write_request = _requests_to(handler, service) if logging.getLevelName(level.upper()) <= logging.INFO else _nowhere
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact_event,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("_granian", "granian", "granian.access", "nats", "nats.aio.client"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("nats.aio.client").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def request_line(**fields: str | float | None) -> None:
    """The line of one request: most lines of a service are such, and the long way costs a tenth of a small request. The
    caller sees to it that nothing of these fields can be a secret."""
    if _write_request is None:
        structlog.get_logger("request").info("request", **fields)
    else:
        _write_request(fields)


def _requests_to(handler: "logging.StreamHandler[TextIO]", service: str) -> Callable[[dict[str, Any]], None]:
    head = {"event": "request", "level": "info", "logger": "request", "service": service}

    def write(fields: dict[str, Any]) -> None:
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = msgspec.json.encode({**head, "time": time, **fields}).decode()
        with handler.lock or threading.RLock():
            handler.stream.write(line + "\n")
            handler.flush()

    return write


def _nowhere(_: dict[str, Any]) -> None:
    """Requests are not told at this level."""


def leave(service: str, reason: str, *, code: int = 1) -> SystemExit:
    """Say as a JSON line on stderr why a process cannot start; raise what is returned."""
    configure_logs(service, to=sys.stderr)
    structlog.get_logger(__name__).critical(reason)
    return SystemExit(code)


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Errors that no task waits for become log lines, not text on stderr."""

    def told(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        structlog.get_logger("asyncio").error(context["message"], exc_info=error)

    loop.set_exception_handler(told)


def _redact_event(_: Any, __: str, event: EventDict) -> EventDict:
    clean: EventDict = redacted(event)
    return clean


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        structlog.get_logger("uncaught").critical(UNCAUGHT, kind=kind.__name__, exc_info=(kind, error, trace))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None:
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)
