"""Intelligence over the real broker: one incident, one alert, one advisory, whatever is repeated or killed."""

from typing import TYPE_CHECKING

import pytest
from summit_core.errors import ConflictError, ForbiddenError, NotFoundError
from summit_core.model import AlertState, Certainty, IncidentState, Location, Principal, Role, Severity
from summit_intelligence.rules import alerts, incidents

if TYPE_CHECKING:
    from .conftest import Make, World

ANN = Principal(id="ann", name="Ann", role=Role.OPERATOR)


async def opened(world: "World", make: "Make") -> str:
    """The scenario up to the first alert; the incident's id."""
    await world.observe(*make.weather())
    await world.entity(make.hazard())
    id_ = make.incident().id
    advisory = incidents.short_id("adv", id_)
    await world.until(lambda: world.store.advisory(advisory) and world.store.incidents[id_].severity is Severity.SEVERE)
    return id_


async def test_a_hazard_makes_one_incident_one_alert_and_one_advisory(world: "World", make: "Make") -> None:
    id_ = await opened(world, make)
    for _ in range(20):
        await world.entity(make.hazard())
    written = await world.settle()
    assert {name.split(".")[1] for name in written} == {"incidents", "alerts", "advisories"}
    assert len(written) == 3 and max(written.values()) <= 3
    alert = world.store.alert(alerts.id_of(world.store.incidents[id_]))
    assert alert is not None and alert.incident == id_ and alert.severity is Severity.SEVERE
    await world.until(lambda: not world.process.health.loop_problems())


async def test_a_restart_changes_nothing(world: "World", make: "Make") -> None:
    await opened(world, make)
    before = await world.settle()
    await world.restart()
    await world.entity(make.hazard())
    assert await world.settle() == before


async def test_a_restart_between_two_writes_finishes_them(world: "World", make: "Make") -> None:
    await world.process.stop()
    incident = make.incident()
    await world.store.put("incidents", incident, at=make.start)
    await world.restart()
    await world.until(lambda: world.store.alert(alerts.id_of(incident)))
    assert world.store.advisory(incidents.short_id("adv", incident.id)) is not None


async def test_a_detection_confirms_once(world: "World", make: "Make") -> None:
    id_ = await opened(world, make)
    detection = make.detection()
    for _ in range(3):
        await world.observe(detection)
    await world.observe(make.detection("det-2"), make.detection("det-3"))
    await world.until(lambda: world.store.incidents[id_].state is IncidentState.CONFIRMED)
    before = await world.settle()
    incident = world.store.incidents[id_]
    assert detection.id in incident.causes and [e.what for e in incident.timeline if "Confirmed" in e.what] != []
    alert = world.store.alert(alerts.id_of(incident))
    assert alert is not None and alert.certainty is Certainty.OBSERVED and alert.severity is Severity.EXTREME
    assert [piece.id for piece in alert.evidence if piece.kind == "detection"] == [detection.id]
    await world.restart()
    await world.observe(detection)
    assert await world.settle() == before


async def test_a_detection_far_from_all_opens_its_own(world: "World", make: "Make") -> None:
    await opened(world, make)
    await world.observe(
        make.detection(lat=40.2),
        make.detection("weak", lat=41.0, confidence=0.4),
        make.detection("rec", lat=42.0, recording="r"),
    )
    await world.until(lambda: len(world.store.incidents) == 2)
    await world.settle()
    assert len(world.store.incidents) == 2


async def test_recordings_make_no_incidents_and_no_silence(world: "World", make: "Make") -> None:
    await world.entity(make.hazard(recording="rec-1"))
    await world.entity(make.device(freshness="lost", recording="rec-1"))
    await world.until(lambda: world.store.hazards and world.store.devices)
    assert await world.settle() == {}


async def test_two_hazards_of_one_fire_are_one_incident(world: "World", make: "Make") -> None:
    id_ = await opened(world, make)
    cov = ((900.0, 0.0), (0.0, 900.0))
    await world.entity(make.hazard(id="haz-2", class_="fire", location=Location(lat=39.805, lon=-121.4, cov_m2=cov)))
    await world.until(lambda: "haz-2" in world.store.incidents[id_].entities)
    assert len(world.store.incidents) == 1


async def test_silence_is_said_once_and_taken_back(world: "World", make: "Make") -> None:
    await world.entity(make.device(freshness="lost"))
    await world.until(lambda: world.store.silence("gas-1"))
    alert = world.store.silence("gas-1")
    assert alert is not None
    await world.restart()
    await world.entity(make.device(freshness="lost"))
    assert (await world.settle()) == {f"world.alerts.{alert.id}": 1}
    await world.entity(make.device(freshness="live"))
    await world.until(lambda: world.store.silence("gas-1") is None)
    resolved = world.store.alert(alert.id)
    assert resolved is not None and resolved.state is AlertState.RESOLVED


async def test_people_acknowledge_and_close(world: "World", make: "Make") -> None:
    id_ = await opened(world, make)
    service, key = world.process.service, alerts.id_of(world.store.incidents[id_])
    first = await service.acknowledge(key, "seen", ANN)
    assert (first.state, first.acknowledged_by) == (AlertState.ACKNOWLEDGED, "Ann")
    assert await service.acknowledge(key, "again", ANN) == first
    with pytest.raises(ConflictError, match="allowed: closed, confirmed, false_alarm"):
        await service.move(id_, IncidentState.CONTROLLED, "too early", ANN)
    closed = await service.move(id_, IncidentState.FALSE_ALARM, "dust", ANN)
    assert closed.timeline[-1].by == "Ann" and closed == await service.move(id_, IncidentState.FALSE_ALARM, "dust", ANN)
    alert = world.store.alert(key)
    assert alert is not None and alert.state is AlertState.RESOLVED
    with pytest.raises(ConflictError):
        await service.acknowledge(key, "", ANN)
    await world.entity(make.hazard(updated_at=make.start))
    await world.observe(make.detection())
    await world.settle()
    assert len(world.store.incidents) == 1, "the smoke that is left opens nothing"


async def test_who_may_not_and_what_is_not_there(world: "World") -> None:
    viewer = Principal(id="vic", name="Vic", role=Role.VIEWER)
    with pytest.raises(ForbiddenError):
        await world.process.service.acknowledge("alr-1", "", viewer)
    with pytest.raises(NotFoundError):
        await world.process.service.move("inc-1", IncidentState.CLOSED, "x", ANN)
    assert await world.written() == {}
