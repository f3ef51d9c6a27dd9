"""Hot spots to fires in the picture: one fire keeps one id while it grows, also through a restart."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.ids import new_id
from summit_core.model import Entity, Hotspot
from summit_fusion.fires import Fires, Spot

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def hotspot(east: float, north: float, hours: float = 0.0, *, recording: str | None = None) -> Hotspot:
    """``east, north``: steps of some 367 m from a place in California."""
    at = START + timedelta(hours=hours)
    return Hotspot(
        source="firms",
        id=new_id(),
        observed_at=at,
        received_at=at,
        lat=39.8 + north * 0.0033,
        lon=-121.4 + east * 0.0043,
        confidence=0.6,
        frp_mw=5.0,
        scan_m=375.0,
        track_m=375.0,
        satellite="N20",
        recording=recording,
    )


def publish(fires: Fires, now: datetime = START) -> list[Entity]:
    changed = fires.changed(now)
    fires.settle(changed)
    return changed


def test_a_fire_grows_under_one_id_with_perimeter_and_rate() -> None:
    fires = Fires()
    for column in range(3):
        fires.observe(hotspot(column, 0))
    (first,) = publish(fires)
    assert (first.kind, first.class_, first.updates) == ("hazard", "fire", 3)
    assert first.perimeter is not None and first.perimeter.rate_ha_h is None
    assert publish(fires) == []
    for column in range(6):
        fires.observe(hotspot(column, 1, hours=12))
    (grown,) = publish(fires, START + timedelta(hours=12))
    assert grown.id == first.id
    assert grown.perimeter is not None and len(grown.perimeter.growth) == 2
    assert grown.perimeter.area_ha > 2 * first.perimeter.area_ha
    assert grown.perimeter.rate_ha_h is not None and grown.perimeter.rate_ha_h > 5
    assert grown.perimeter.polygons[0][0][0] == grown.perimeter.polygons[0][0][-1], "a closed ring"
    assert msgspec.json.decode(msgspec.json.encode(grown), type=Entity) == grown


def test_two_that_grow_together_go_on_as_the_older_one() -> None:
    fires = Fires()
    fires.observe(hotspot(0, 0))
    fires.observe(hotspot(9, 0, hours=1))
    older, younger = sorted(publish(fires), key=lambda fire: fire.observed_at)
    for column in range(1, 9):
        fires.observe(hotspot(column, 0, hours=2))
    (one,) = publish(fires)
    assert (one.id, one.updates) == (older.id, 10)
    assert fires.expire(START) == [younger.id]
    assert fires.expire(START) == []


def test_recordings_stay_apart_and_what_was_not_published_stays_due() -> None:
    fires = Fires()
    fires.observe(hotspot(0, 0))
    fires.observe(hotspot(0, 0, recording="drill"))
    unpublished = fires.changed(START)
    assert sorted(fire.recording or "" for fire in unpublished) == ["", "drill"]
    again = publish(fires)
    assert {fire.id for fire in again} == {fire.id for fire in unpublished}


def test_a_fire_is_written_again_in_time_and_ends_after_long_silence() -> None:
    fires = Fires()
    fires.observe(hotspot(0, 0))
    (fire,) = publish(fires)
    (again,) = publish(fires, START + timedelta(hours=2))
    assert (again.id, again.heard_at) == (fire.id, fire.heard_at)
    assert fires.expire(START + timedelta(hours=59)) == []
    assert fires.expire(START + timedelta(hours=61)) == [fire.id]
    assert publish(fires, START + timedelta(hours=70)) == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4), st.integers(0, 48)), min_size=1, max_size=25),
    st.integers(0, 24),
)
def test_a_restart_changes_nothing(spots: list[tuple[int, int, int]], cut: int) -> None:
    seen = [hotspot(*spot) for spot in sorted(spots, key=lambda spot: spot[2])]
    whole, shown = Fires(), dict[str, Entity]()
    for spot in seen:
        whole.observe(spot)
        shown |= {fire.id: fire for fire in publish(whole)}
    first, again = Fires(), dict[str, Entity]()
    for number, spot in enumerate(seen):
        if number == cut:
            saved = msgspec.msgpack.encode(first.state())
            first = Fires()
            first.restore(msgspec.msgpack.decode(saved, type=dict[str, list[Spot]]), again.values())
        first.observe(spot)
        again |= {fire.id: fire for fire in publish(first)}
    assert again == shown
