"""What PostgreSQL or a clock cannot hold is refused where it comes in, by the name of its field."""

import pytest
from summit_core import wire
from summit_core.errors import InputError


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name": "a\u0000b"}', "name"),
        (rb'{"a": {"b": ["x", "\u0000"]}}', "a.b.1"),
        (rb'{"a": {"\u0000": 1}}', "a"),
        (b'{"until": "9999-12-31T23:59:59-14:00"}', "until"),
        (b'{"since": "0001-01-01T00:00:00+14:00"}', "since"),
        (rb'["\u0000"]', "0"),
        (rb'"\u0000"', "body"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(body: bytes, field: str) -> None:
    with pytest.raises(InputError) as refused:
        wire.decode_body(body, object)
    assert (refused.value.status, refused.value.field) == (422, field)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"name": "a\\u0000b"}',
        b'{"until": "9999-12-31T23:59:59Z", "since": "0001-01-01T00:00:00Z"}',
        b'{"title": "9999-12-31T is no time"}',
        '{"name": "é \U0001f525"}'.encode(),
    ],
)
def test_what_only_looks_so_is_taken(body: bytes) -> None:
    assert wire.decode_body(body, object) == wire.decode(body, object)
