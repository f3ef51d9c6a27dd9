"""Association, opening, following, confirming, and the life of an incident."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from summit_core.geo import destination
from summit_core.model import Hotspot, IncidentState, Location, Report
from summit_intelligence.rules import incidents, lifecycle
from summit_intelligence.rules.association import ENDED, match, sigma_m

if TYPE_CHECKING:
    from .conftest import Make

Later = Callable[[float], datetime]
COV = ((10_000.0, 0.0), (0.0, 10_000.0))


def at(bearing: float, metres: float) -> Location:
    lat, lon = destination(39.8, -121.4, bearing, metres)
    return Location(lat=lat, lon=lon, cov_m2=COV)


@given(st.floats(0, 359), st.floats(0, 1990))
def test_what_is_within_two_kilometres_belongs_together(bearing: float, metres: float) -> None:
    from_here = _incident()
    assert match("fire", at(bearing, metres), [from_here]) is from_here


@given(st.floats(0, 359), st.floats(2010, 50_000))
def test_what_is_farther_does_not(bearing: float, metres: float) -> None:
    assert match("fire", at(bearing, metres), [_incident()]) is None


def test_an_uncertain_fix_reaches_farther_and_families_do_not_mix() -> None:
    vague = Location(lat=39.8, lon=-121.35, cov_m2=((4e6, 0.0), (0.0, 4e6)))
    assert match("smoke", vague, [_incident()]) is not None
    assert match("gas_leak", vague, [_incident()]) is None
    assert match("smoke", vague, [replace(_incident(), state=IncidentState.CLOSED)]) is None
    assert match("smoke", vague, [replace(_incident(), state=IncidentState.CLOSED)], ENDED) is not None


def test_a_hazard_of_two_bearings_opens_a_suspected_incident(make: "Make") -> None:
    incident = incidents.of_hazard(make.hazard(), make.start)
    assert incidents.is_reason(make.hazard())
    assert (incident.title, incident.state) == ("Smoke near 39.800 N 121.400 W", IncidentState.SUSPECTED)
    assert incident.causes[0] == "haz-1" and len(incident.causes) == 4
    assert incident.id == incidents.of_hazard(make.hazard(), make.start).id


def test_one_bearing_or_a_recording_opens_nothing(make: "Make") -> None:
    assert not incidents.is_reason(make.hazard(bearings=(make.bearing("cam-1"), make.bearing("cam-2", used=False))))
    assert not incidents.is_reason(make.hazard(recording="rec-1"))
    assert not incidents.is_reason(make.hazard(freshness="lost"))


def test_the_incident_follows_the_fix_but_not_its_noise(make: "Make", later: Later) -> None:
    incident = make.incident()
    cov = ((6400.0, 0.0), (0.0, 2500.0))
    near = make.hazard(location=Location(lat=39.8001, lon=-121.4, cov_m2=cov))
    far = make.hazard(location=Location(lat=39.801, lon=-121.4, cov_m2=cov))
    assert incidents.follow(incident, near, later(60)) is None
    assert incidents.follow(incident, far, later(2)) is None
    followed = incidents.follow(incident, far, later(6))
    assert followed is not None and followed.location == far.location and followed.title.startswith("Smoke near 39.801")


def test_ambiguity_shows_at_once_and_goes_away(make: "Make", later: Later) -> None:
    doubtful = incidents.follow(make.incident(), make.hazard(ambiguous=True, ambiguity="two places fit"), later(1))
    assert doubtful is not None and doubtful.ambiguous and "two places fit" in doubtful.timeline[-1].what
    clear = incidents.follow(doubtful, make.hazard(), later(2))
    assert clear is not None and not clear.ambiguous


def test_a_detection_near_confirms_with_the_better_place(make: "Make", later: Later) -> None:
    incident, detection = make.incident(), make.detection()
    where = incidents.where_is(detection)
    assert where is not None and incidents.confirms(incident, detection, where)
    confirmed = incidents.confirmed(incident, detection, where, later(60))
    assert confirmed.state is IncidentState.CONFIRMED and confirmed.causes[-1] == detection.id
    assert confirmed.title.startswith("Fire near") and confirmed.location is not None
    assert sigma_m(confirmed.location.cov_m2) == pytest.approx(15.0)
    moved = make.hazard(location=Location(lat=39.81, lon=-121.4, cov_m2=COV))
    assert incidents.follow(confirmed, moved, later(120)) is None


def test_what_does_not_confirm(make: "Make") -> None:
    incident = make.incident()
    far = Location(lat=39.85, lon=-121.4, cov_m2=COV)
    assert not incidents.confirms(incident, make.detection(), far)
    here = Location(lat=39.8, lon=-121.4, cov_m2=COV)
    assert not incidents.confirms(incident, make.detection(confidence=0.5), here)
    assert not incidents.confirms(incident, make.detection(class_="person"), here)
    assert not incidents.confirms(incident, make.detection(recording="rec-1"), here)
    report = Report(id=None, source="caller-1", observed_at=make.start, text="I see smoke", lat=39.8, lon=-121.4)
    assert not incidents.confirms(incident, report, here)
    alone = incidents.of_sighting(make.detection(), here, make.start)
    assert not incidents.confirms(alone, make.detection("det-2"), here)
    assert incidents.confirms(alone, make.detection("det-3", causes=("tsk-1",)), here)


def test_a_report_is_evidence_and_a_source_counts_once(make: "Make", later: Later) -> None:
    report = Report(id="r", source="caller-1", observed_at=make.start, text="I see smoke", lat=39.8, lon=-121.4)
    supported = incidents.supported(make.incident(), report, later(5))
    assert supported is not None and "I see smoke" in supported.timeline[-1].what
    once = incidents.supported(supported, make.detection(), later(6))
    assert once is not None and incidents.supported(once, make.detection("det-2"), later(7)) is None


def test_a_hotspot_is_as_wide_as_its_pixel(make: "Make") -> None:
    hotspot = Hotspot(source="viirs", observed_at=make.start, lat=39.8, lon=-121.4, scan_m=400.0, track_m=400.0)
    where = incidents.where_is(hotspot)
    assert where is not None and sigma_m(where.cov_m2) == pytest.approx(115.47, abs=0.01)


@given(st.lists(st.sampled_from(list(IncidentState)), max_size=12))
def test_an_ended_incident_stays_ended(wanted: list[IncidentState]) -> None:
    state, ended = IncidentState.SUSPECTED, None
    for next_ in wanted:
        if lifecycle.allowed(state, next_):
            assert ended is None
            state = next_
        ended = state if state in ENDED else None
    assert set(lifecycle.NEXT) == set(IncidentState)


def _incident() -> incidents.Incident:
    at_ = datetime.fromisoformat("2026-08-01T14:00:00+00:00")
    return incidents.Incident(
        id="inc-1",
        title="Smoke",
        class_="smoke",
        state=IncidentState.SUSPECTED,
        severity=incidents.Severity.MODERATE,
        opened_at=at_,
        updated_at=at_,
        location=Location(lat=39.8, lon=-121.4, cov_m2=COV),
    )
