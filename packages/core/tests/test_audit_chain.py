"""The chain and its proof: whatever is done to an export is found, and the first broken record is named."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.audit.chain import GENESIS, Broken, canonical, decode, link
from summit_core.audit.head import Head, sign
from summit_core.audit.record import Actor, AuditRecord, outcome_of, plain
from summit_core.audit.repeats import KINDS_AT_MOST, Repeats
from summit_core.audit.verify import verify
from summit_core.model import Role
from summit_core.security.nkey import AccountKey

KEY = AccountKey.new()
OTHER = AccountKey.new()
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COUNT = 8


def record(number: int, **more: object) -> AuditRecord:
    said = {
        "id": f"0190-{number}",
        "at": AT + timedelta(seconds=number),
        "service": "api-gateway",
        "action": "POST /v1/alerts/{id}/ack",
        "outcome": "done",
        "object": f"alert-{number}",
        "principal": Actor(id="abc", name="Zoë “the first”", role=Role.OPERATOR),
    }
    return AuditRecord(**(said | more))  # type: ignore[arg-type]  # by name


def chain(count: int = COUNT, *, first: int = 1, prev: str = GENESIS) -> list[bytes]:
    lines = []
    for seq in range(first, first + count):
        placed = link(record(seq).content(), seq, prev)
        prev = placed.hash
        lines.append(placed.line + b"\n")
    return lines


def signed(lines: list[bytes], key: AccountKey = KEY, first: int = 1, prev: str = GENESIS) -> bytes:
    last = decode(lines[-1]) if lines else {"seq": first - 1, "hash": prev}
    head = Head(organisation="default", at=AT, first=first, prev=prev, seq=last["seq"], hash=last["hash"])
    return b"".join(lines) + sign(head, key).line + b"\n"


WHOLE = signed(chain())


def broken(export: bytes, **more: object) -> Broken:
    with pytest.raises(Broken) as caught:
        verify(io.BytesIO(export), **more)  # type: ignore[arg-type]  # by name
    return caught.value


def test_a_whole_export_holds() -> None:
    found = verify(io.BytesIO(WHOLE), key=KEY.public)
    assert (found.records, found.head.seq, found.trusted) == (COUNT, COUNT, True)
    assert not verify(io.BytesIO(WHOLE)).trusted


@pytest.mark.parametrize("count", [0, 1])
def test_a_short_export_holds(count: int) -> None:
    assert verify(io.BytesIO(signed(chain(count))), key=KEY.public).records == count


def test_an_export_of_a_cut_chain_holds_and_its_beginning_is_signed() -> None:
    all_ = chain(10)
    prev = decode(all_[3])["hash"]
    export = signed(all_[4:], first=5, prev=prev)
    assert verify(io.BytesIO(export), key=KEY.public).head.first == 5
    assert (broken(export.split(b"\n", 1)[1]).kind, broken(export.split(b"\n", 1)[1]).seq) == ("removed", 5)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found_and_its_record_named(place: int, by: int) -> None:
    export = bytearray(WHOLE)
    export[place] ^= by
    found = broken(bytes(export), key=KEY.public)
    in_record = WHOLE[:place].count(b"\n") + 1
    if in_record <= COUNT:
        assert found.seq == in_record, (found.kind, found.detail)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 300))
def test_any_cut_is_found(start: int, length: int) -> None:
    assert broken(WHOLE[:start] + WHOLE[start + length :], key=KEY.public).seq >= 1


@given(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
def test_any_swap_is_found(one: int, other: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    lines[one], lines[other] = lines[other], lines[one]
    if one == other:
        assert verify(io.BytesIO(b"".join(lines))).records == COUNT
    else:
        found = broken(b"".join(lines))
        assert (found.kind, found.seq) == ("reordered", min(one, other) + 1)


@given(st.integers(0, COUNT - 1))
def test_any_removed_record_is_named(place: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    del lines[place]
    found = broken(b"".join(lines))
    assert found.seq == place + 1
    assert found.kind == ("truncated" if place == COUNT - 1 else "removed")


@given(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
def test_any_inserted_record_is_found(which: int, where: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    lines.insert(where + 1, lines[which])
    assert broken(b"".join(lines)).kind in {"inserted", "reordered"}


@given(st.integers(0, COUNT - 1))
def test_a_record_that_was_changed_and_hashed_anew_is_named(place: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    content = decode(lines[place])
    prev = content.pop("prev")
    lines[place] = link(content | {"action": "nothing"}, place + 1, prev).line + b"\n"
    found = broken(b"".join(lines))
    assert (found.kind, found.seq) == ("changed", place + 1)


def test_a_chain_made_anew_is_not_signed_by_us() -> None:
    assert broken(signed(chain(), OTHER), key=KEY.public).kind == "forged"


def test_a_chain_made_anew_by_whoever_holds_the_key_is_not_the_one_known() -> None:
    known = {5: decode(chain()[4])["hash"]}
    anew = [link(record(n, action="x").content(), n, GENESIS) for n in (1,)]
    export = signed([anew[0].line + b"\n"])
    assert verify(io.BytesIO(export), key=KEY.public).records == 1
    assert broken(export, key=KEY.public, known=known).kind == "truncated"
    lines, prev = [], GENESIS
    for number in range(1, COUNT + 1):
        placed = link(record(number, reason="made anew").content(), number, prev)
        prev = placed.hash
        lines.append(placed.line + b"\n")
    found = broken(signed(lines), key=KEY.public, known=known)
    assert (found.kind, found.seq) == ("changed", 5)


def test_without_a_head_the_tail_may_be_missing() -> None:
    assert broken(b"".join(chain())).kind == "truncated"
    assert broken(b"").kind == "truncated"


def test_the_encoding_is_what_the_page_says() -> None:
    assert canonical({"b": 1, "a": "é", "c": None}) == '{"a":"é","b":1,"c":null}'.encode()


def test_what_strangers_write_is_plain_text() -> None:
    assert plain("a\x00b\ud800c\x1b[31m\n") == "a b?c [31m "


@pytest.mark.parametrize(("status", "outcome"), [(204, "done"), (401, "denied"), (422, "refused"), (503, "failed")])
def test_outcomes(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


def test_repeats_are_counted_not_written() -> None:
    repeats = Repeats()
    written = [repeats.take(record(0, status=401, outcome="denied", id=str(n))) for n in range(1000)]
    assert [one is not None for one in written] == [True] + [False] * 999
    assert repeats.due(AT + timedelta(seconds=59)) == []
    (counted,) = repeats.due(AT + timedelta(seconds=60))
    assert counted.count == 999
    assert repeats.take(record(1, outcome="denied", status=401)) is not None


@given(st.lists(st.integers(0, 3), max_size=60))
def test_nothing_goes_uncounted(who: list[int]) -> None:
    repeats = Repeats()
    taken = [repeats.take(record(0, client=f"c{one}", principal=None, outcome="denied")) for one in who]
    total = sum(one.count for one in [*taken, *repeats.due()] if one is not None)
    assert total == len(who)


def test_strangers_without_number_cost_no_memory_without_bound() -> None:
    repeats = Repeats()
    for number in range(KINDS_AT_MOST + 500):
        repeats.take(record(0, client=f"c{number}", principal=None, outcome="denied"))
    assert sum(one.count for one in repeats.due()) == 499
