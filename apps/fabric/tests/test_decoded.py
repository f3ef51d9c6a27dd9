"""Batches that pass through the process are remembered as long as somebody has to read them, and no longer."""

from datetime import UTC, datetime

import pytest
from summit_core import wire
from summit_core.model import Telemetry
from summit_fabric import decoded as module
from summit_fabric.decoded import READERS, Batch, Decoded, cell_of


def batch(number: int) -> tuple[bytes, Batch]:
    at = datetime(2026, 11, 23, 6, 0, number, tzinfo=UTC)
    one = Telemetry(source="unit-1", observed_at=at, category="drone", lat=39.5, lon=-121.9)
    return wire.encode_batch([one]), Batch([one], [cell_of(one)])


def test_each_reader_gets_the_same_batch_and_then_it_is_let_go() -> None:
    decoded, (data, made) = Decoded(), batch(1)
    decoded.remember(data, made)
    assert all(decoded.read(data) is made for _ in range(READERS))
    again = decoded.read(data)  # sent once more
    assert again is not made
    assert list(again.observations) == list(made.observations)
    assert again.cells == made.cells


def test_the_oldest_make_way_where_a_reader_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OBSERVATIONS_KEPT", 2)
    decoded, batches = Decoded(), [batch(number) for number in range(3)]
    for data, made in batches:
        decoded.remember(data, made)
    kept = [decoded.read(data) is made for data, made in batches]
    assert kept == [False, True, True]


def test_batches_that_differ_only_in_their_middle_are_not_taken_for_each_other() -> None:
    one, other, last = (batch(number)[1] for number in range(3))
    first = Batch([*one.observations * 2, *last.observations * 2], [None] * 4)
    second = Batch([*one.observations, *other.observations, *last.observations * 2], [None] * 4)
    texts = [wire.encode_batch(each.observations) for each in (first, second)]
    decoded = Decoded()
    decoded.remember(texts[0], first)
    decoded.pass_over(texts[1])
    assert [list(decoded.read(text).observations) for text in texts] == [
        list(first.observations),
        list(second.observations),
    ]
    assert decoded.held == len(first.observations)
