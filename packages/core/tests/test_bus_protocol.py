"""The protocol parser: whatever the pieces, the same frames; whatever the input, frames or a clear error."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.bus.message import Message, read_header
from summit_core.bus.protocol import (
    LONGEST_LINE,
    Control,
    Parser,
    ProtocolError,
    check_subject,
    header_block,
    publication,
)
from summit_core.bus.server import servers
from summit_core.errors import InputError

subjects = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=30)
names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
values = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
headers = st.dictionaries(names, values, max_size=3)
messages = st.builds(
    lambda subject, sid, reply, data, named: Message(subject, data, reply, header_block(named) if named else b"", sid),
    subjects,
    st.integers(1, 999_999),
    st.just("") | subjects,
    st.binary(max_size=300),
    headers,
)
controls = st.sampled_from(
    [Control("PING", ""), Control("PONG", ""), Control("+OK", ""), Control("-ERR", "no"), Control("INFO", "{}")]
)


def encoded(frame: Message | Control) -> bytes:
    if isinstance(frame, Control):
        text = f"'{frame.text}'" if frame.verb == "-ERR" else frame.text
        return f"{frame.verb} {text}".strip().encode() + b"\r\n"
    reply = f"{frame.reply} " if frame.reply else ""
    sizes = f"{len(frame.header)} " if frame.header else ""
    verb = "HMSG" if frame.header else "MSG"
    line = f"{verb} {frame.subject} {frame.sid} {reply}{sizes}{len(frame.header) + len(frame.data)}\r\n"
    return line.encode() + frame.header + frame.data + b"\r\n"


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


@given(st.lists(messages | controls, max_size=12), st.lists(st.integers(0, 10**6), max_size=12))
def test_wherever_the_stream_is_cut_the_frames_are_the_same(frames: list[Message | Control], cuts: list[int]) -> None:
    parser, data = Parser(), b"".join(map(encoded, frames))
    assert [frame for piece in pieces(data, cuts) for frame in parser.feed(piece)] == frames
    parser = Parser()
    assert [frame for place in range(len(data)) for frame in parser.feed(data[place : place + 1])] == frames


@given(st.binary(max_size=200) | st.text("MSGH -1029\r\nINFOPERR'+{}", max_size=60).map(str.encode))
def test_anything_else_is_a_protocol_error_or_waits_for_more(data: bytes) -> None:
    parser = Parser()
    try:
        frames = parser.feed(data)
    except ProtocolError as error:
        assert len(str(error)) < 500
    else:
        assert sum(len(encoded(frame)) for frame in frames) <= len(data) + 2 * len(frames)


@pytest.mark.parametrize(
    "data",
    [
        b"HELLO\r\n",
        b"MSG a\r\n",
        b"MSG a 1 b c d 3\r\n",
        b"MSG a 1 -3\r\n",
        b"MSG a x 3\r\nabc\r\n",
        b"MSG a 1 99999999999\r\n",
        b"MSG a 1 67108865\r\n",
        b"HMSG a 1 9 3\r\nabc\r\n",
        b"HMSG a 1 3\r\n",
        b"MSG a 1 3\r\nabcdef\r\n",
        b"x" * (LONGEST_LINE + 1),
    ],
)
def test_hostile_lines_are_clear_errors(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Parser().feed(data)


def test_a_large_message_in_many_pieces_is_joined_once() -> None:
    """Joined at each piece, 16 MB in pieces of 4 KiB would copy 32 GB."""
    parser, data = Parser(), bytes(16_000_000)
    whole = b"MSG a 1 16000000\r\n" + data + b"\r\nPING\r\n"
    frames = [frame for start in range(0, len(whole), 4096) for frame in parser.feed(whole[start : start + 4096])]
    assert frames == [Message("a", data, sid=1), Control("PING", "")]


@given(headers)
def test_headers_come_back(named: dict[str, str]) -> None:
    assert read_header(header_block(named)) == named


def test_a_status_line_is_read() -> None:
    block = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 9\r\n\r\n"
    assert read_header(block) == {"Status": "408", "Description": "Request Timeout", "Nats-Pending-Messages": "9"}


def test_nothing_that_is_published_can_begin_another_line() -> None:
    assert publication("a.b", b"xyz", "_R") == b"PUB a.b _R 3\r\nxyz\r\n"
    for subject in ("", "a b", "a\r\nPUB x 0", "a\n", "\ta"):
        with pytest.raises(InputError):
            check_subject(subject)
    with pytest.raises(InputError):
        header_block(msg_id="a\r\nNats-Rollup: all")


def test_addresses_are_read_and_their_secrets_never_shown() -> None:
    one, two, three = servers("nats://me:p%40ss@a:1234, tls://tok-en@b, c")
    assert (one.host, one.port, one.tls, one.credentials) == ("a", 1234, False, {"user": "me", "pass": "p@ss"})
    assert (two.host, two.port, two.tls, two.credentials) == ("b", 4222, True, {"auth_token": "tok-en"})
    assert (three.host, three.credentials) == ("c", {})
    assert "p@ss" not in f"{one!r} {one}"
    assert "tok-en" not in f"{two!r} {two}"
    for wrong in ("nats://me:s3cret@host:port", "http://me:s3cret@host", "nats://me:s3cret@"):
        with pytest.raises(InputError) as caught:
            servers(wrong)
        assert "s3cret" not in caught.value.detail


@given(
    st.sampled_from(["", "_.hash.", "hub.hash."]),
    st.tuples(st.integers(1, 10**6), st.integers(1, 2**60), st.integers(1, 2**60)),
    st.integers(10**18, 10**19 - 1),
    st.integers(0, 10**18 - 1),
)
def test_a_stored_message_says_when_it_was_stored_whichever_form_its_reply_subject_has(
    domain: str, counts: tuple[int, int, int], at_ns: int, pending: int
) -> None:
    words = [*map(str, counts), str(at_ns), str(pending), *(["x" * 8] if domain else [])]
    message = Message("s", b"", f"$JS.ACK.{domain}STREAM.consumer.{'.'.join(words)}")
    assert (message.seq, message.pending) == (counts[1], pending)
    assert message.moment == datetime.fromtimestamp(at_ns // 1_000_000 / 1000, UTC)
    assert abs(message.timestamp - message.moment) <= timedelta(milliseconds=1)
