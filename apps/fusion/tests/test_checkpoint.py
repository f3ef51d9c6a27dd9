"""A checkpoint is whole or not there; the one before it is the way back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_fusion.checkpoint import Checkpoints


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "fusion")
    assert list(checkpoints.read()) == []
    checkpoints.write(b"first")
    assert list(checkpoints.read()) == [b"first"]
    checkpoints.write(b"second")
    assert list(checkpoints.read()) == [b"second", b"first"]
    checkpoints.write(b"")
    assert list(checkpoints.read()) == [b"", b"second"]


def damaged(tmp_path: Path, damage: bytes | int | tuple[int, int]) -> list[bytes]:
    """What is read after the newest file was replaced, cut off, or changed at a place."""
    checkpoints = Checkpoints(tmp_path)
    for content in (b"older" * 100, b"newer" * 100):
        checkpoints.write(content)
    newest = tmp_path / "fusion.checkpoint"
    data = bytearray(newest.read_bytes())
    match damage:
        case bytes():
            data = bytearray(damage)
        case int():
            data = data[:damage]
        case (place, flip):
            data[place % len(data)] ^= flip
    newest.write_bytes(data)
    return list(checkpoints.read())


@pytest.mark.parametrize("damage", [b"", b"something else altogether, and long enough", 5, 28, 200])
def test_a_damaged_one_is_left_out(tmp_path: Path, damage: bytes | int) -> None:
    assert damaged(tmp_path, damage) == [b"older" * 100]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_flipped_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, flip: int) -> None:
    assert damaged(tmp_path_factory.mktemp("checkpoint"), (place, flip)) == [b"older" * 100]


def test_a_crash_while_writing_costs_nothing(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(b"whole")
    (tmp_path / "fusion.checkpoint.new").write_bytes(b"half a")
    assert list(checkpoints.read()) == [b"whole"]
    (tmp_path / "fusion.checkpoint").replace(tmp_path / "fusion.checkpoint.previous")
    assert list(checkpoints.read()) == [b"whole"], "between the two renames"
    checkpoints.write(b"next")
    assert list(checkpoints.read()) == [b"next", b"whole"]
