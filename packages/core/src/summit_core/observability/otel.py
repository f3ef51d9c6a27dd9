"""OpenTelemetry (extra ``summit-core[otel]``): spans of requests by OTLP. Imported only when an endpoint is set."""

from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from summit_core.observability.trace import Trace

OTLP_TIMEOUT_S: Final = 2.0


class _Recorded:
    def __init__(self, span: Any, method: str, state: str) -> None:
        context = span.get_span_context()
        self._span, self._method = span, method
        self.trace = Trace(
            f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{int(context.trace_flags):02x}", state
        )

    def end(self, route: str, status: int) -> None:
        """Names by the semantic conventions for HTTP servers (OpenTelemetry 1.23, stable)."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attributes(
            {"http.request.method": self._method, "http.route": route, "http.response.status_code": status}
        )
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Exporting:
    """Batches spans in a thread of its own; an ``exporter`` given by a test gets each at once."""

    def __init__(self, service: str, endpoint: str | None, exporter: Any = None) -> None:
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        if exporter is not None:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        else:
            url = f"{(endpoint or '').rstrip('/')}/v1/traces"
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, timeout=OTLP_TIMEOUT_S)))
        self._tracer = provider.get_tracer("summit")

    def begin(self, method: str, parent: Trace | None) -> _Recorded:
        context, state = None, ""
        if parent is not None:
            flags, state = TraceFlags(int(parent.flags, 16)), parent.state
            above = SpanContext(
                int(parent.trace_id, 16), int(parent.span_id, 16), True, flags, TraceState.from_header([state])
            )
            context = set_span_in_context(NonRecordingSpan(above))
        span = self._tracer.start_span(method, context, kind=SpanKind.SERVER)
        return _Recorded(span, method, state)
