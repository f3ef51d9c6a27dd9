"""Identifiers are RFC 9562 version 7 and content decides a derived one."""

import re
import time
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from summit_core.ids import are_uuids, derived_id, new_id, passing_id
from summit_core.model.common import UUID_PATTERN

AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_fresh_ids_are_version_7_and_sort_by_time() -> None:
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert derived_id(AT, "x") < derived_id(AT + timedelta(seconds=1), "x")


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_the_same_parts_give_the_same_id_and_others_another(left: list[str], right: list[str]) -> None:
    assert (derived_id(AT, *left) == derived_id(AT, *right)) == (left == right)
    assert uuid.UUID(derived_id(AT, *left)).version == 7


def test_the_id_of_a_request_is_a_uuid7_of_now_and_another_each_time() -> None:
    found = [uuid.UUID(passing_id()) for _ in range(1000)]
    assert {one.version for one in found} == {7}
    assert {one.variant for one in found} == {uuid.RFC_4122}
    assert all(abs((one.int >> 80) / 1000 - time.time()) < 60 for one in found)
    assert len(set(found)) == 1000


plain = st.sampled_from([new_id(), derived_id(datetime.now(UTC), "x"), "00000000-0000-1000-8000-000000000000"])
spoilt = st.tuples(plain, st.integers(0, 35), st.sampled_from("0189afg-, AF٣")).map(
    lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]
)


@given(st.lists(st.one_of(plain, spoilt, plain.map(str.upper), st.text(max_size=40)), max_size=4))
def test_all_are_uuids_when_each_matches_the_pattern(texts: list[str]) -> None:
    assert are_uuids(texts) == all(re.fullmatch(UUID_PATTERN[1:-1], text) for text in texts)


def test_a_longer_one_and_a_shorter_one_are_no_two_uuids() -> None:
    one, other = new_id(), new_id()
    assert are_uuids([one, other])
    assert not are_uuids([one + other[0], other[1:]])
    assert not are_uuids([f"{one},{other}"])
