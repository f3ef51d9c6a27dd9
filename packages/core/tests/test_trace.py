"""W3C Trace Context: what is taken over, what begins anew, and how it goes along on the bus."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from summit_core import wire
from summit_core.bus import Bus, WorldWriter
from summit_core.bus.streams import DEADLETTER_SUBJECT
from summit_core.model import Entity, WorldEvent
from summit_core.observability import spans, trace

IN = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-" + "0" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-01",
        "ff-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "b" * 16 + "-01",
        IN + "-more",
        IN[:-1],
        "ä" * 55,
    ],
)
def test_what_is_not_valid_begins_a_new_trace(header: str) -> None:
    assert trace.parse(header) is None
    assert trace.begun(trace.parse(header)).trace_id != "a" * 32


def test_what_is_valid_goes_on() -> None:
    parent = trace.parse(IN, "vendor=1")
    assert parent is not None
    here = trace.begun(parent)
    assert (here.trace_id, here.flags, here.state) == ("a" * 32, "01", "vendor=1")
    assert here.span_id != "b" * 16
    later = trace.parse("cc-" + IN[3:] + "-what-comes-later")
    assert later is not None, "a later version may have more (section 3.2.2.3)"
    assert trace.parse(IN, "x" * 600) == parent._replace(state="")


@given(st.text(max_size=60))
def test_no_header_breaks_it(text: str) -> None:
    found = trace.parse(text)
    assert found is None or trace.parse(found.header()) is not None


def test_the_traces_of_observations_are_bounded() -> None:
    traces = trace.Traces()
    assert traces.of(("o-1",)) is None
    for number in range(10_000):
        traces.note(f"o-{number}", IN)
    assert traces.of(("o-0",)) is None
    assert traces.of(("o-0", "o-9999", "unknown")) == IN
    assert len(traces._of) == trace.KEPT


def entity(key: str, *causes: str) -> Entity:
    now = datetime.now(UTC)
    return Entity(id=key, kind="asset", owner="test", observed_at=now, heard_at=now, updated_at=now, causes=causes)


async def test_events_and_messages_carry_the_trace(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    writer = WorldWriter(bus, "test", written=lambda keys: "00-" + "d" * 32 + IN[35:] if "inc-1" in keys else None)

    async def written(key: str, *causes: str) -> str | None:
        await writer.put("entities", key, entity(key, *causes), at=datetime.now(UTC), causes=causes)
        stored = await bus.jetstream.get_last_msg("WORLD", f"world.entities.{key}")
        return wire.decode(stored.data or b"", WorldEvent).trace

    assert await written("none", "o-2") is None
    writer.traces.note("o-1", "00-" + "c" * 32 + IN[35:])
    assert await written("rests-on", "o-1") == "00-" + "c" * 32 + IN[35:]
    assert await written("alert", "inc-1") == "00-" + "d" * 32 + IN[35:]
    trace.set_current(trace.parse(IN))
    assert await written("asked", "o-1") == IN, "of the request, before all"
    await bus.publish(f"{DEADLETTER_SUBJECT}.http", b"{}")
    assert ((await bus.jetstream.get_last_msg("DEADLETTERS", "deadletters.http")).headers or {})["traceparent"] == IN
    trace.set_current(None)
    await bus.close()


def test_spans_are_exported_only_where_somebody_wants_them() -> None:
    assert isinstance(spans.begin("GET", None), spans._Plain)
    exporter = InMemorySpanExporter()
    spans.export("unit", None, exporter=exporter)
    try:
        span = spans.begin("GET", trace.parse(IN, "vendor=1"))
        assert (span.trace.trace_id, span.trace.state) == ("a" * 32, "vendor=1")
        span.end("/v1/entities", 503)
    finally:
        spans.export("unit", None)
    (done,) = exporter.get_finished_spans()
    assert done.name == "GET /v1/entities"
    assert done.parent is not None
    assert f"{done.parent.span_id:016x}" == "b" * 16
    assert f"{done.context.span_id:016x}" == span.trace.span_id
    assert done.attributes is not None
    assert done.attributes["http.response.status_code"] == 503
    assert not done.status.is_ok
