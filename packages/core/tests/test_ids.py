"""Identifiers are RFC 9562 version 7 and content decides a derived one."""

import time
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from summit_core.ids import derived_id, new_id, passing_id

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
