"""Who is inside: noise makes no crossings, movement makes each once, whatever is judged again."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core import wire
from summit_core.geo import LocalFrame
from summit_core.model import Presence, Zone
from summit_fabric.zones.hysteresis import is_level, margins, sigma_of
from summit_fabric.zones.presence import Crossing, Held, Seen, Watch

T0 = datetime(2026, 7, 3, 12, tzinfo=UTC)
CENTRE = LocalFrame(39.0, -121.0)


def zone(name: str = "z1", *, at: datetime = T0, **stated: Any) -> Zone:
    circle = {"lat": CENTRE.lat, "lon": CENTRE.lon, "radius_m": 500.0}
    base = {"id": name, "name": name, "rule": "exclusion", "circle": circle, "created_at": at, "updated_at": at}
    return wire.decode(wire.encode(base | stated), Zone)


def seen(seq: int, east: float, north: float = 0.0, *, name: str = "e1", sigma: float = 5.0, **more: Any) -> Seen:
    lat, lon = CENTRE.to_geodetic(east, north)
    at = T0 + timedelta(seconds=seq)
    return Seen(
        **{"seq": seq, "id": name, "kind": "asset", "lat": lat, "lon": lon, "sigma_m": sigma, "observed_at": at}
        | {"updated_at": at}
        | more
    )


class Ledger:
    """Writes what the watch proposes, as the stream would: each under the version that it replaces."""

    def __init__(self, *zones: Zone) -> None:
        self.watch, self.version, self.said = Watch(), 1_000_000, list[Presence]()
        for one in zones:
            self.write(self.watch.define(one, 0, T0))

    def write(self, crossings: list[Crossing]) -> list[Presence]:
        for crossing in crossings:
            before = self.watch.pairs[crossing.presence.entity].get(crossing.presence.zone)
            assert crossing.expected == (before.version if before else 0)
            self.version += 1
            self.watch.commit(Held(crossing.presence, self.version))
        self.said += [crossing.presence for crossing in crossings]
        return [crossing.presence for crossing in crossings]

    def see(self, one: Seen) -> list[Presence]:
        found = self.write(self.watch.see(one))
        self.watch.seq = one.seq
        return found

    @property
    def events(self) -> list[tuple[str, str | None]]:
        return [(one.event, one.reason) for one in self.said]


def test_in_and_out_are_one_crossing_each() -> None:
    ledger = Ledger(zone())
    for seq, east in enumerate(range(-905, 906, 10), start=1):
        ledger.see(seen(seq, east))
    assert ledger.events == [("enter", None), ("exit", None)]
    entered, left = ledger.said
    enter_m, exit_m = margins(5.0, 250.0)
    assert (enter_m, exit_m) == (20.0, 20.0)
    assert entered.at == T0 + timedelta(seconds=44)
    assert left.entered_at == entered.at
    assert left.left_at == left.at == T0 + timedelta(seconds=144)
    assert left.causes == ("z1", "e1")


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_noise_at_the_worst_place_crosses_as_seldom_as_was_reckoned(correlation: float) -> None:
    """An entity that rests on the boundary, 60,000 times: without a gap it would cross every other time."""
    random, sigma, count = np.random.default_rng(1), 8.0, 60_000
    shocks = random.normal(0.0, sigma * math.sqrt(1 - correlation**2), (count, 2))
    ledger, naive, error = Ledger(zone()), 0, np.zeros(2)
    inside = False
    for seq, shock in enumerate(shocks, start=1):
        error = correlation * error + shock
        east, north = 500.0 + float(error[0]), float(error[1])
        ledger.see(seen(seq, east, north, sigma=sigma))
        now = math.hypot(east, north) < 500.0
        naive, inside = naive + (now != inside), now
    expected = count * 0.5 * math.erfc(4.0 / math.sqrt(2))
    assert expected < 2.0
    assert len(ledger.said) <= 8
    assert naive > 8_000


def test_a_true_crossing_is_never_missed_for_noise() -> None:
    random = np.random.default_rng(2)
    for run in range(60):
        ledger = Ledger(zone())
        for seq, east in enumerate(range(-1000, 1001, 20), start=1):
            noise = random.normal(0.0, 6.0, 2)
            ledger.see(seen(seq, east + float(noise[0]), float(noise[1]), sigma=6.0))
        assert ledger.events == [("enter", None), ("exit", None)], run


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-700, 700), st.floats(0.1, 60.0)), max_size=60))
def test_enter_and_exit_alternate(track: list[tuple[float, float]]) -> None:
    ledger = Ledger(zone())
    for seq, (east, sigma) in enumerate(track, start=1):
        ledger.see(seen(seq, east, sigma=sigma))
    kinds = [event for event, _ in ledger.events]
    assert kinds == [("enter", "exit")[number % 2] for number in range(len(kinds))]


@settings(max_examples=50)
@given(st.floats(0.3, 300.0), st.floats(10.0, 100_000.0))
def test_the_gap_is_eight_sigmas_and_a_zone_that_is_larger_than_the_noise_can_be_entered(
    sigma: float, depth: float
) -> None:
    enter, leave = margins(sigma, depth)
    assert math.isclose(enter + leave, 8 * sigma)
    assert sigma <= enter <= 4 * sigma <= leave
    assert enter <= max(sigma, depth / 2)


@settings(max_examples=50)
@given(st.lists(st.floats(-19.9, 19.9), max_size=50), st.booleans())
def test_noise_within_the_gap_makes_no_crossing(errors: list[float], from_inside: bool) -> None:
    ledger = Ledger(zone())
    ledger.see(seen(1, 0.0 if from_inside else 900.0))
    before = len(ledger.said)
    for seq, error in enumerate(errors, start=2):
        ledger.see(seen(seq, 500.0 + error))
    assert len(ledger.said) == before


@settings(max_examples=60)
@given(
    st.lists(st.floats(-900, 900), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(0, 10),
)
def test_what_is_judged_again_after_a_crash_says_nothing_twice(
    track: list[float], crashes: list[int], back: int
) -> None:
    """At each crash the picture is taken up again as it stands, and up to ``back`` versions come a second time."""
    straight, ledger = Ledger(zone(dwell_s=3.0)), Ledger(zone(dwell_s=3.0))
    versions = [seen(seq, east) for seq, east in enumerate(track, start=1)]
    for one in versions:
        straight.see(one)
    position, pending = 0, sorted(crashes)
    while position < len(versions):
        if pending and pending[0] <= position:
            pending.pop(0)
            restored = Watch()
            presences = [held for pairs in ledger.watch.pairs.values() for held in pairs.values()]
            position = max(0, position - back)
            restored.seq = position
            latest = ledger.watch.seen.values()
            restored.load([zone(dwell_s=3.0)], latest, presences)
            ledger.watch = restored
        ledger.see(versions[position])
        position += 1
    assert [(one.event, one.at, one.reason) for one in ledger.said] == [
        (one.event, one.at, one.reason) for one in straight.said
    ]


def test_a_proposal_that_was_not_written_is_made_again_with_the_same_id() -> None:
    watch = Watch()
    watch.define(zone(), 0, T0)
    (first,), (again,) = watch.see(seen(1, 0.0)), watch.see(seen(1, 0.0))
    assert first == again
    (later,) = watch.see(seen(2, 0.0))
    assert later.event_id != first.event_id


def test_dwelling_is_said_once_by_the_source_clock() -> None:
    ledger = Ledger(zone(dwell_s=60.0))
    for seq in (1, 30, 60, 61, 62, 500):
        ledger.see(seen(seq, 0.0))
    assert ledger.events == [("enter", None), ("dwell", None)]
    assert ledger.said[1].at == T0 + timedelta(seconds=61)
    assert ledger.said[1].entered_at == T0 + timedelta(seconds=1)


def test_who_has_expired_or_is_gone_leaves_with_the_reason() -> None:
    ledger = Ledger(zone())
    ledger.see(seen(1, 0.0))
    ledger.see(seen(2, 0.0, expired=True))
    ledger.see(seen(3, 0.0))
    ledger.write(ledger.watch.gone("e1", 4, T0 + timedelta(seconds=9)))
    assert ledger.events == [("enter", None), ("exit", "gone"), ("enter", None), ("exit", "gone")]
    assert [one.id for one in ledger.watch.forget(entity="e1")] == [ledger.said[0].id]
    assert ledger.watch.forget(entity="e1") == []


def test_a_zone_that_changes_moves_people_across_its_boundary() -> None:
    ledger = Ledger(zone())
    ledger.see(seen(1, 0.0))
    ledger.see(seen(2, 800.0, name="e2"))
    later = T0 + timedelta(hours=1)
    there = {"lat": CENTRE.lat, "lon": CENTRE.to_geodetic(800.0, 0.0)[1], "radius_m": 200.0}
    changed = zone(circle=there, updated_at=later)
    ledger.write(ledger.watch.define(changed, 3, later))
    assert sorted((one.entity, one.event, one.reason, one.at) for one in ledger.said[1:]) == [
        ("e1", "exit", "changed", later),
        ("e2", "enter", "changed", later),
    ]
    ledger.write(ledger.watch.define(changed, 3, later))
    assert len(ledger.said) == 3
    ledger.write(ledger.watch.removed("z1", 4, later))
    assert ledger.events[-1] == ("exit", "removed")


def test_a_zone_begins_and_ends_at_the_edges_of_its_schedule() -> None:
    nights = zone(schedule=[{"daily": {"begins": "22:00", "ends": "06:00"}}])
    ledger = Ledger(nights)
    assert ledger.watch.next_edge == T0.replace(hour=22)
    ledger.see(seen(1, 0.0))
    assert not ledger.said
    for now in (T0.replace(hour=22, second=3), T0.replace(hour=23), T0.replace(day=4, hour=6, minute=1)):
        ledger.write(ledger.watch.turn(now))
        assert not ledger.write(ledger.watch.turn(now))
        ledger.watch.settle(now)
    assert [(one.event, one.reason, one.at) for one in ledger.said] == [
        ("enter", "began", T0.replace(hour=22)),
        ("exit", "ended", T0.replace(day=4, hour=6)),
    ]
    assert ledger.watch.next_edge == T0.replace(day=4, hour=22)


def test_a_zone_goes_with_its_anchor_and_not_over_it() -> None:
    moving = zone(anchor="truck", anchor_at=[CENTRE.lon, CENTRE.lat], rule="inclusion")
    ledger = Ledger(moving)
    ledger.see(seen(1, 0.0, name="e1"))
    assert not ledger.said  # nobody knows where the truck is
    ledger.see(seen(2, 0.0, name="truck"))
    ledger.see(seen(3, 2000.0, name="e2"))
    ledger.see(seen(4, 2000.0, name="truck"))
    ledger.write(ledger.watch.gone("truck", 5, T0))
    assert [(one.entity, one.event, one.reason) for one in ledger.said] == [
        ("e1", "enter", "moved"),
        *sorted([("e1", "exit", "moved"), ("e2", "enter", "moved")]),
        ("e2", "exit", "ended"),
    ]


def test_a_version_that_is_still_to_come_is_not_judged_before_its_time() -> None:
    """After a crash the picture is newer than what comes again: the versions in between must not be skipped."""
    watch = Watch(seq=10)
    watch.load([zone()], [seen(20, 900.0)], [])
    assert not watch.define(zone(updated_at=T0 + timedelta(seconds=1)), 11, T0)
    ledger = Ledger()
    ledger.watch = watch
    ledger.see(seen(12, 0.0))
    ledger.see(seen(20, 900.0))
    assert ledger.events == [("enter", None), ("exit", None)]


def test_orphans_leave_when_nobody_saw_how() -> None:
    ledger = Ledger(zone(), zone("z2"))
    ledger.see(seen(1, 0.0))
    presences = [held for pairs in ledger.watch.pairs.values() for held in pairs.values()]
    watch = Watch(seq=1)
    watch.load([zone()], [], presences)
    ledger.watch = watch
    ledger.write(watch.orphans(T0))
    assert sorted(ledger.events[2:]) == [("exit", "gone"), ("exit", "removed")]
    assert not watch.orphans(T0)


@pytest.mark.parametrize(
    ("alt_m", "was", "expected"),
    [
        *[
            (None, False, True),
            (150.0, False, True),
            (109.0, False, False),
            (111.0, False, True),
            (191.0, False, False),
        ],
        *[(95.0, True, True), (89.0, True, False), (211.0, True, False), (205.0, True, True)],
    ],
)
def test_altitudes_have_a_gap_too(alt_m: float | None, was: bool, expected: bool) -> None:
    assert is_level(zone(floor_m=100.0, ceiling_m=200.0), alt_m, was_inside=was) is expected


def test_only_what_is_watched_crosses() -> None:
    ledger = Ledger(zone(kinds=["track"], classes=["boat"]), zone("z2"))
    ledger.see(seen(1, 0.0, kind="asset"))
    ledger.see(seen(2, 0.0, name="t1", kind="track", class_="boat"))
    ledger.see(seen(3, 0.0, name="t2", kind="track", class_="car"))
    ledger.see(seen(4, 0.0, name="s1", kind="sensor"))
    assert sorted((one.entity, one.zone) for one in ledger.said) == [
        *[("e1", "z2"), ("t1", "z1"), ("t1", "z2"), ("t2", "z2")]
    ]


@given(st.floats(0.1, 1000), st.floats(0.1, 1000), st.floats(-0.99, 0.99))
def test_sigma_is_the_longest_axis_of_the_ellipse(east: float, north: float, correlation: float) -> None:
    cross = correlation * east * north
    largest = np.linalg.eigvalsh(np.array([[east**2, cross], [cross, north**2]]))[1]
    assert math.isclose(sigma_of(((east**2, cross), (cross, north**2))), max(0.25, math.sqrt(largest)), rel_tol=1e-6)
