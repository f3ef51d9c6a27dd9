"""Cursors of lists by key: opaque, for their own list, and nothing else goes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.errors import InputError
from summit_core.http.keyset import cursor_behind, key_behind

keys = st.from_regex(r"[A-Za-z0-9_:\-]{1,64}", fullmatch=True)


@given(keys, st.sampled_from(["entities", "alerts"]))
def test_there_and_back_for_its_own_list_only(key: str, of: str) -> None:
    cursor = cursor_behind(of, key)
    assert cursor is not None
    assert key_behind(of, cursor) == key
    with pytest.raises(InputError) as refused:
        key_behind("zones", cursor)
    assert refused.value.field == "cursor"


@given(st.text(max_size=80) | keys)
def test_nothing_made_up_is_taken(text: str) -> None:
    with pytest.raises(InputError) as refused:
        key_behind("entities", text)
    assert refused.value.field == "cursor"


def test_the_ends() -> None:
    assert cursor_behind("entities", None) is None
    assert key_behind("entities", None) == ""
