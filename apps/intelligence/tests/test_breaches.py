"""Alerts about breaches of zones: one while it lasts, ended when it is over, and not by silence."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from summit_core import wire
from summit_core.bus import WorldWriter
from summit_core.model import AlertState, Presence, Severity, Zone
from summit_intelligence.rules import breaches

if TYPE_CHECKING:
    from .conftest import Make, World


def zone(make: "Make", **changes: Any) -> Zone:
    stated = {"id": "z1", "name": "Dam", "rule": "exclusion", "created_at": make.start, "updated_at": make.start}
    circle = {"lat": 39.8, "lon": -121.4, "radius_m": 500.0}
    return wire.decode(wire.encode(stated | {"circle": circle, "note": "No boats."} | changes), Zone)


def presence(make: "Make", event: str, *, second: int = 0, **changes: Any) -> Presence:
    at = make.start + timedelta(seconds=second)
    stated = {"id": "prs-1", "zone": "z1", "entity": "boat", "event": event, "at": at, "judged": 1}
    stated |= {"state": "outside" if event == "exit" else "inside", "entered_at": at, "lat": 39.8, "lon": -121.4}
    stated |= {"left_at": at} if event == "exit" else {}
    return wire.decode(wire.encode(stated | changes), Presence)


@pytest.mark.parametrize(
    ("rule", "event", "reason", "expected"),
    [
        ("exclusion", "enter", None, True),
        ("exclusion", "dwell", None, True),
        ("exclusion", "exit", None, False),
        ("exclusion", "exit", "gone", False),
        ("inclusion", "enter", None, False),
        ("inclusion", "exit", None, True),
        ("inclusion", "exit", "moved", True),
        *(("inclusion", "exit", reason, False) for reason in ("ended", "removed", "gone")),
    ],
)
def test_what_a_breach_is(make: "Make", rule: str, event: str, reason: str | None, expected: bool) -> None:
    one = presence(make, event, reason=reason)
    assert breaches.is_breach(one, zone(make, rule=rule)) is expected
    assert breaches.is_breach(one, None) is False


def test_the_alert_says_who_where_and_why(make: "Make") -> None:
    entered = presence(make, "enter", reason="began", causes=["z1", "boat"])
    alert = breaches.of_breach(entered, zone(make), make.device("boat", label="Tender 2"), make.start)
    assert alert.title == "Tender 2 entered Dam"
    assert "the zone began" in alert.text and "No boats." in alert.text
    assert alert.causes == ("prs-1", "z1", "boat")
    assert alert.severity is Severity.SEVERE and alert.location is not None
    again = presence(make, "enter", second=60)
    assert breaches.of_breach(again, zone(make), None, make.start).id != alert.id
    left = breaches.of_breach(presence(make, "exit"), zone(make, rule="inclusion"), None, make.start)
    assert left.title == "boat left Dam" and left.severity is Severity.MODERATE


async def test_one_alert_while_the_breach_lasts(world: "World", make: "Make") -> None:
    writer, like = WorldWriter(world.bus, "test"), presence(make, "enter")

    async def put(one: Presence) -> None:
        await writer.put("presences", one.id, one, at=one.at)

    await writer.put("zones", "z1", zone(make), at=make.start)
    await put(presence(make, "enter"))
    await world.until(lambda: world.store.breach(like))
    alert = world.store.breach(like)
    assert alert is not None
    await put(presence(make, "dwell"))
    await world.restart()
    written = await world.settle()
    assert {name: count for name, count in written.items() if ".alerts." in name} == {f"world.alerts.{alert.id}": 1}
    await put(presence(make, "exit", second=90))
    await world.until(lambda: (known := world.store.alert(alert.id)) and known.state is AlertState.RESOLVED)
    ended = world.store.alert(alert.id)
    assert ended is not None and ended.timeline[-1].what == "Resolved: it left the zone"
    await put(presence(make, "enter", second=120))
    await world.until(lambda: (known := world.store.breach(like)) and known.id != alert.id)
    await writer.leave("presences", "prs-1", at=make.start)
    await world.until(lambda: world.store.breach(like) is None)
    assert not world.store.active
