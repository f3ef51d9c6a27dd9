"""Hostile inputs: Hypothesis strategies for what is nearly an observation, and seeded mutations of a corpus.

An input is a topic (in MQTT's notation) and bytes. Nothing here knows what the system should say to it.
"""

import json
import random
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

KINDS = ("position", "bearing", "hotspot", "detection", "measurement", "report", "telemetry")
DEEP = 20_000
OVERSIZED = 300 * 1024
MEDIA = ("application/json", "application/json", "application/x-ndjson", "application/msgpack")
ELSEWHERE = ("observations/banana", "observations/a.b", "tasks/fuzz-1/status", "nobody/listens", "devices/x")
TROUBLE = (b"NaN", b"-", b"1e999", b'"', b"\\u", b"\xff", b"null", b"{", b"]", b",")


class Hostile(NamedTuple):
    topic: str
    payload: bytes
    media: str = "application/json"
    """Content type, where it goes by HTTP."""

    def __repr__(self) -> str:
        shown = self.payload if len(self.payload) <= 600 else self.payload[:600] + b"..."
        return f"Hostile({self.topic!r}, {shown!r} of {len(self.payload)} bytes, {self.media!r})"


def good(number: int) -> dict[str, Any]:
    """An observation that holds; few sources, so that the accounts stay few."""
    base = {"source": f"fuzz-{number % 20}", "observed_at": "2026-01-01T00:00:00Z", "seq": number}
    place = {"lat": 39.5 + number % 100 / 100, "lon": -121.5}
    kind = KINDS[number % len(KINDS)]
    more: dict[str, dict[str, Any]] = {
        "position": place | {"speed_mps": 3.5, "sigma_m": 5.0},
        "bearing": place | {"azimuth_deg": 12.5, "sigma_deg": 1.0},
        "hotspot": place | {"confidence": 0.5},
        "detection": place | {"confidence": 0.5, "class": "smoke"},
        "measurement": {"quantity": "temperature", "value": 20.5, "unit": "Cel"},
        "report": {"text": f"smoke {number}"},
        "telemetry": place | {"category": "drone", "battery": 0.5},
    }
    return {"kind": kind} | base | more[kind]


# --- Hypothesis: values that are wrong in ways that somebody thought of -----------------------------------------------

_numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from([0, -0.0, 2**53, 2**63, -(2**63), 10**400, 1e308, -1e308, 5e-324, 91, -91, 181, 360.0001]),
)
_texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "\x00", "\u202e", "\ud800", "a" * 5_000, "null", "../..", "'; DROP TABLE observations; --", "💥" * 70]
    ),
    st.sampled_from(["0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "2026-01-01", "1970-01-01T00:00:00+99:99", "now"]),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=6,
)
_fields = st.sampled_from(
    [
        "kind", "source", "observed_at", "id", "seq", "schema", "received_at", "trace", "causes", "recording", "label",
        "class", "lat", "lon", "alt_m", "alt_ref", "cov_m2", "value", "unit", "quantity", "text", "azimuth_deg",
        "sigma_deg", "confidence", "box", "category", "battery", "capabilities", "home", "identity", "unheard_of",
    ]
)  # fmt: skip


@st.composite
def nearly_observations(draw: st.DrawFn) -> dict[str, Any]:
    """An observation with up to three fields replaced, added or taken away."""
    value = good(draw(st.integers(0, 10_000)))
    for field in draw(st.lists(_fields, max_size=3)):
        if draw(st.booleans()):
            value[field] = draw(_values)
        else:
            value.pop(field, None)
    return value


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    form = draw(st.sampled_from(["object", "array", "duplicate-key", "value", "bytes", "msgpack", "cut"]))
    if form == "bytes":
        return draw(st.binary(max_size=200))
    if form == "value":
        return _json(draw(_values))
    value = draw(nearly_observations())
    if form == "array":
        return _json([value, *draw(st.lists(st.one_of(nearly_observations(), _values), max_size=4))])
    if form == "duplicate-key":
        return _json(value)[:-1] + b',"' + draw(_fields).encode() + b'":' + _json(draw(_values)) + b"}"
    if form == "msgpack":
        return _msgpack(value)[: draw(st.integers(0, 400))]
    text = _json(value, ascii_only=draw(st.booleans()))
    return text[: draw(st.integers(0, len(text)))] if form == "cut" else text


_tokens = st.one_of(
    st.sampled_from([*KINDS, "banana", "", "*", ">", "#", "+", "$SYS", "a.b", "a b", "ü", "\u0000", "x" * 300, "a//b"]),
    st.text(max_size=12),
)
topics = st.one_of(
    st.sampled_from(KINDS).map(lambda kind: f"observations/{kind}"),
    st.tuples(st.sampled_from(KINDS), st.integers(0, 19)).map(lambda one: f"observations/{one[0]}/fuzz-{one[1]}"),
    st.integers(0, 19).map(lambda number: f"devices/fuzz-{number}/telemetry"),
    st.integers(0, 19).map(lambda number: f"devices/fuzz-{number}/status"),
    st.integers(0, 19).map(lambda number: f"tasks/fuzz-{number}/status"),
    _tokens.map(lambda token: f"observations/{token}"),
    _tokens.map(lambda token: f"devices/{token}/telemetry"),
    st.lists(_tokens, min_size=1, max_size=4).map("/".join),
)
media_types = st.sampled_from(
    ["application/json"] * 6 + ["application/x-ndjson"] * 3 + ["application/msgpack", "text/plain", "", 'a/b;c="d']
)
inputs = st.builds(Hostile, topics, payloads(), media_types)


# --- the corpus, and seeded mutations of it: wrong in ways that nobody thought of -------------------------------------


def corpus(number: int) -> list[bytes]:
    """Each a payload that once was, or might be, a problem for somebody."""
    one, text = good(number), _json(good(number))
    several = [good(number + step) for step in range(5)]
    return [
        text,
        _json(several),
        _json([one, {**one, "lat": 999}, 7, None, [], {}, {**one, "observed_at": "never"}]),
        b"\n".join(_json(value) for value in several),
        b"\n\n" + text + b"\r\n{\n" + text,
        text.replace(b'"seq"', b'"value":NaN,"seq"'),
        _json({**one, "lat": float("inf")}),
        _json([{**one, "value": float("nan")}, one]),
        text.replace(b'"seq":', b'"seq":1e999,"x":'),
        text.replace(b'"seq":', b'"seq":' + b"9" * 500 + b',"x":'),
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP,
        b"[" + text + b"," + b"[" * DEEP,
        text[:-1] + b',"source":"other","source":"third"}',
        text.replace(b"fuzz", b"f\xc3"),
        text.replace(b"fuzz", b"\xf0\x9f\x92"),
        text.replace(b"fuzz", b"\\ud83d"),
        text.replace(b"fuzz", b"\\u0000"),
        b"\xef\xbb\xbf" + text,
        text.decode().encode("utf-16"),
        _msgpack(one),
        _msgpack(several),
        b"\xdd\xff\xff\xff\xff" + _msgpack(one),
        b"\xc1" * 50,
        b"",
        b" \t\r\n",
        b"\x00",
        b"null",
        b"[]",
        b"[[],[[]]]",
        b'""',
        b'{"status":"offline"}',
        b'{"status":"online","status":7}',
        b"[" + b",".join([text] * 40) + b"]",
        _json({**one, "label": "x" * 10_000}),
        _json({**one, "causes": ["c"] * 5_000}),
        _json({**one, "cov_m2": [[1, 2], [3, 4]]}),
        _json({**one, "home": [1]}),
        b"x" * (OVERSIZED if number % 40 == 0 else 4_000),
    ]


def mutated(seed: int, count: int, first: int) -> list[Hostile]:
    """``count`` inputs of this seed; the same seed gives the same inputs."""
    source = random.Random(seed)
    known = [payload for number in range(first, first + 4) for payload in corpus(number)]
    found = []
    for _ in range(count):
        payload = source.choice(known)
        for _ in range(source.choice((0, 0, 1, 1, 2, 5))):
            payload = _mutate(source, payload)
        found.append(Hostile(_topic(source), payload, source.choice(MEDIA)))
    return found


def _topic(source: random.Random) -> str:
    if source.random() < 0.7:
        return f"observations/{source.choice(KINDS)}"
    if source.random() < 0.3:
        return f"observations/{source.choice(KINDS)}/fuzz-{source.randrange(20)}"
    if source.random() < 0.8:
        return f"devices/fuzz-{source.randrange(20)}/{source.choice(('telemetry', 'status'))}"
    return source.choice(ELSEWHERE)


def _mutate(source: random.Random, data: bytes) -> bytes:
    if not data:
        return source.randbytes(source.randrange(20))
    at = source.randrange(len(data))
    end = min(len(data), at + source.randrange(1, 12))
    return source.choice(
        (
            data[:at],
            data[at:],
            data[:at] + source.randbytes(source.randrange(1, 8)) + data[at:],
            data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :],
            data[:at] + data[end:],
            data[:at] + data[at:end] * source.randrange(2, 30) + data[end:],
            data[:at] + source.choice(TROUBLE) + data[end:],
            data + data,
        )
    )


def _json(value: Any, *, ascii_only: bool = True) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def _msgpack(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return b"\xc1" + _json(value)
