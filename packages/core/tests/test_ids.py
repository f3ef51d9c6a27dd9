"""Identifiers are RFC 9562 version 7 and content decides a derived one."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from summit_core.ids import derived_id, new_id

AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_fresh_ids_are_version_7_and_sort_by_time() -> None:
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert derived_id(AT, "x") < derived_id(AT + timedelta(seconds=1), "x")


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_the_same_parts_give_the_same_id_and_others_another(left: list[str], right: list[str]) -> None:
    assert (derived_id(AT, *left) == derived_id(AT, *right)) == (left == right)
    assert uuid.UUID(derived_id(AT, *left)).version == 7
