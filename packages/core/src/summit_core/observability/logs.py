"""Every line of every process is one JSON object, the server's own lines too (checklist H7)."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict, Processor

_SECRETS = re.compile(
    r"(?i)(?P<keep>bearer\s+|://[^:/@\s]+:|(?:password|secret|api[_-]?key|token)[\"']?\s*[:=]\s*[\"']?)[^\s@,;\"'}]{4,}"
)


def redact(text: str) -> str:
    """Text without the secrets it may hold: bearer tokens, passwords in URLs, ``password=…``."""
    return _SECRETS.sub(lambda match: match["keep"] + "[redacted]", text)


def _redact_event(_: Any, __: str, event: EventDict) -> EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logs(service: str, level: str = "info") -> None:
    """Send structlog and the standard library's loggers to stdout as JSON lines with service, time and level."""

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
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
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
