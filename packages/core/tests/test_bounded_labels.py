"""Whatever words come from outside, the number of series stays bounded."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from starlette.types import Message, Receive, Scope, Send
from summit_core.http.middleware import RequestMiddleware
from summit_core.observability.bounded import OTHER, Bounded


@given(st.lists(st.text()), st.integers(0, 5))
def test_the_first_names_keep_their_own(names: list[str], limit: int) -> None:
    bounded = Bounded(limit)
    labels = [bounded.label(name) for name in names]
    assert len(set(labels) - {OTHER}) <= limit
    assert labels == [bounded.label(name) for name in names]
    assert all(label in (name, OTHER) for label, name in zip(labels, names, strict=True))


async def test_a_client_cannot_make_series_by_methods_or_paths() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert message["type"].startswith("http.response")

    middleware = RequestMiddleware(app, service="bounded")
    for number in range(300):
        scope: Scope = {"type": "http", "method": f"M{number}", "path": f"/nothing/{number}", "headers": []}
        await middleware(scope, receive, send)
    series = [
        sample
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.labels["service"] == "bounded"
    ]
    assert [(one.labels["method"], one.labels["route"], one.value) for one in series] == [("other", "unmatched", 300.0)]
