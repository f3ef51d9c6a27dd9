"""Loss accounting: whatever is lost, late or doubled on the way, the numbers say so."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from summit_core.ids import new_id
from summit_core.model import DeadLetter, Measurement
from summit_fabric import accounts
from summit_fabric.accounts import Ledger, refuse

START = datetime(2026, 6, 1, tzinfo=UTC)


Entry = tuple[Measurement, bool]


def enter(ledger: Ledger, entries: list[Entry]) -> Ledger:
    return accounts.enter(ledger, [one for one, _ in entries], [new for _, new in entries])


def entry(
    seq: int | None, *, at_s: float, delay_s: float = 0.1, new: bool = True, recording: str | None = None
) -> Entry:
    observed_at = START + timedelta(seconds=at_s)
    observation = Measurement(
        id=new_id(),
        source="s",
        seq=seq,
        observed_at=observed_at,
        received_at=observed_at + timedelta(seconds=delay_s),
        recording=recording,
        quantity="x",
        value=1.0,
        unit="m",
    )
    return observation, new


@given(
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.lists(st.integers(0, 5), min_size=60, max_size=60),
    st.integers(0, 9),
)
def test_gaps_are_the_numbers_that_never_came_in_any_order(arrives: list[bool], shuffle: list[int], first: int) -> None:
    sent = [first + number for number, there in enumerate(arrives) if there]
    order = [seq for _, seq in sorted((number + shuffle[number], seq) for number, seq in enumerate(sent))]
    ledger = enter(Ledger(id="s"), [entry(seq, at_s=seq) for seq in order])
    expected = 0 if not order else len(set(range(order[0], max(order) + 1)) - set(order))
    assert ledger.gaps == expected
    assert ledger.received == ledger.stored == len(sent)


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 2**53)), st.booleans(), st.floats(-9e6, 9e6)), max_size=40)
)
def test_the_books_always_balance(steps: list[tuple[int | None, bool, float]]) -> None:
    ledger = Ledger(id="s")
    for seq, new, at_s in steps:
        ledger = enter(ledger, [entry(seq, at_s=at_s, new=new)])
        assert ledger.received == ledger.stored + ledger.duplicate + ledger.rejected
        assert ledger.gaps >= sum(last - first + 1 for first, last in ledger.missing) >= 0


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 30)), st.booleans(), st.floats(0, 1e6)), max_size=40),
    st.sets(st.integers(0, 40)),
)
def test_any_split_into_batches_gives_the_same_books(
    steps: list[tuple[int | None, bool, float]], cuts: set[int]
) -> None:
    entries = [entry(seq, at_s=at_s, new=new) for seq, new, at_s in steps]
    edges = [0, *sorted(cut for cut in cuts if cut < len(entries)), len(entries)]
    ledger = Ledger(id="s")
    for start, end in pairwise(edges):
        ledger = enter(ledger, entries[start:end])
    assert ledger == enter(Ledger(id="s"), entries)


def test_the_rate_is_that_of_the_last_half_minute_and_fades() -> None:
    ledger = enter(Ledger(id="s"), [entry(n, at_s=n / 5) for n in range(1000)])
    assert ledger.last_heard is not None
    assert 4.8 < ledger.rate < 5.2
    assert ledger.rate_at(ledger.last_heard + timedelta(seconds=300)) < 0.01


def test_the_interval_is_learned_from_bursts_and_kept_in_the_ledger() -> None:
    bursts = [entry(None, at_s=60 * minute + n / 10) for minute in range(6) for n in range(5)]
    ledger = msgspec.json.decode(msgspec.json.encode(enter(Ledger(id="s"), bursts)), type=Ledger)
    assert ledger.learned_interval_s == 60
    assert enter(Ledger(id="s"), bursts[:10]).learned_interval_s is None
    assert enter(Ledger(id="s"), [entry(None, at_s=n / 10) for n in range(100)]).learned_interval_s == 1


def test_a_source_that_counts_anew_has_no_gap() -> None:
    ledger = enter(Ledger(id="s"), [entry(seq, at_s=at) for at, seq in enumerate([50, 51, 52, 0, 1, 2, 4])])
    assert (ledger.gaps, ledger.last_seq) == (1, 4)


def test_duplicates_change_neither_gaps_nor_the_clock() -> None:
    once = enter(Ledger(id="s"), [entry(1, at_s=1), entry(2, at_s=2)])
    twice = enter(once, [entry(1, at_s=1, new=False), entry(2, at_s=2, new=False)])
    assert (twice.duplicate, twice.gaps, twice.last_seq, twice.clock_offset_s) == (2, 0, 2, once.clock_offset_s)


def test_late_means_a_minute_but_not_for_recordings() -> None:
    assert enter(Ledger(id="s"), [entry(None, at_s=0, delay_s=61)]).late == 1
    assert enter(Ledger(id="s"), [entry(None, at_s=0, delay_s=59)]).late == 0
    replayed = enter(Ledger(id="s"), [entry(None, at_s=0, delay_s=9e7, recording="r")])
    assert (replayed.late, replayed.clock_offset_s) == (0, None)


def test_the_clock_offset_is_told_by_the_fastest_message() -> None:
    ledger = enter(Ledger(id="s"), [entry(None, at_s=n, delay_s=5.0 if n % 7 else -3.0) for n in range(50)])
    assert ledger.clock_offset_s is not None
    assert abs(ledger.clock_offset_s - 3.0) < 1.0


def test_refusals_are_counted_by_reason() -> None:
    letter = DeadLetter(
        id=new_id(), at=START, door="mqtt", subject="observations.x", code="empty", message="m", size=0, payload=b""
    )
    ledger = refuse(refuse(Ledger(id="s"), letter), letter)
    assert (ledger.received, ledger.rejected, ledger.rejected_by) == (2, 2, {"empty": 2})
    assert ledger.account().last_heard == START
