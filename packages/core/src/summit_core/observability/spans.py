"""Spans of requests. Without ``SUMMIT_OTEL_ENDPOINT`` a span is its place in the trace and nothing else; with it, and
the extra ``summit-core[otel]``, each is exported by OTLP over HTTP to ``<endpoint>/v1/traces``."""

from typing import Any, Protocol

from summit_core.observability.trace import Trace, begun


class Span(Protocol):
    """One request of ours."""

    trace: Trace

    def end(self, route: str, status: int) -> None: ...


class _Plain:
    __slots__ = ("trace",)

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def end(self, route: str, status: int) -> None: ...


class _Exporting(Protocol):
    def begin(self, method: str, parent: Trace | None) -> Span: ...


_exporting: _Exporting | None = None


def begin(method: str, parent: Trace | None) -> Span:
    """A span of the caller's trace, or of a new one."""
    return _Plain(begun(parent)) if _exporting is None else _exporting.begin(method, parent)


def export(service: str, endpoint: str | None, *, exporter: Any = None) -> None:
    """Export the spans of this process from now on; does nothing without an endpoint.

    Ends the start of the service when the extra is missing: whoever states an endpoint waits for spans.
    """
    global _exporting
    if endpoint is None and exporter is None:
        _exporting = None
        return
    try:
        from summit_core.observability.otel import Exporting  # noqa: PLC0415  (an extra, costly to import)
    except ImportError:
        raise SystemExit("SUMMIT_OTEL_ENDPOINT is set: install summit-core[otel], or leave it out") from None
    _exporting = Exporting(service, endpoint, exporter)
