"""Severity, certainty, alerts with their evidence, advisories with their reasons."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace
from summit_core.model import AlertState, Certainty, Hypothesis, IncidentState, Kinematics, Location, Severity, Urgency
from summit_intelligence.rules import advisories, alerts
from summit_intelligence.rules.severity import severity, worse
from summit_intelligence.rules.weather import Weather

if TYPE_CHECKING:
    from .conftest import Make

Later = Callable[[float], datetime]
RED_FLAG = Weather("wx-1", "obs-wx", wind_mps=10.0, wind_from_deg=40.0, temperature_c=33.0, humidity_pct=14.0)
MILD = Weather("wx-1", "obs-wx", wind_mps=3.0, wind_from_deg=40.0, temperature_c=20.0, humidity_pct=60.0)


def test_severity_by_class_state_and_weather() -> None:
    assert severity("smoke", IncidentState.SUSPECTED, None)[0] is Severity.MODERATE
    assert severity("smoke", IncidentState.SUSPECTED, MILD)[0] is Severity.MODERATE
    assert severity("smoke", IncidentState.SUSPECTED, RED_FLAG)[0] is Severity.SEVERE
    assert severity("fire", IncidentState.CONFIRMED, RED_FLAG)[0] is Severity.EXTREME
    assert worse(Severity.SEVERE, Severity.MODERATE) is Severity.SEVERE


def test_the_alert_names_every_bearing_the_outlier_and_the_uncertainty(make: "Make") -> None:
    alert = alerts.of_incident(make.incident(), make.hazard(), RED_FLAG, None, make.start)
    texts = [piece.text for piece in alert.evidence]
    assert "cam-1 sees it at 40.0° ± 0.7°, 0.5 sigma from the fix" in texts
    assert "cam-4's bearing (40.0°) was left out: 9.8 sigma off" in texts
    assert any("95 % of the fix lies within 200 m along 90° (E) and 120 m across" in text for text in texts)
    assert any(text.startswith("wx-1: wind 10 m/s from 40°") for text in texts)
    assert (alert.certainty, alert.severity, alert.urgency) == (Certainty.LIKELY, Severity.SEVERE, Urgency.IMMEDIATE)
    assert alert.dedupe_key == f"incident:{make.incident().id}"


def test_an_ambiguous_fix_is_possible_and_says_why_until_it_is_clear(make: "Make", later: Later) -> None:
    other = Hypothesis(lat=39.9, lon=-121.4, cov_m2=((1e4, 0.0), (0.0, 1e4)), weight=0.4)
    hazard = make.hazard(ambiguous=True, ambiguity="two of three bearings disagree", hypotheses=(other,))
    doubtful = alerts.of_incident(make.incident(ambiguous=True), hazard, None, None, make.start)
    assert doubtful.certainty is Certainty.POSSIBLE and "two of three bearings disagree" in doubtful.text
    assert any("39.900 N 121.400 W (40%)" in piece.text for piece in doubtful.evidence)
    wanted = alerts.of_incident(make.incident(), make.hazard(), None, doubtful, later(5))
    clear = alerts.refreshed(doubtful, wanted, later(5))
    assert clear is not None and clear.certainty is Certainty.LIKELY
    assert clear.timeline[-1].what == "certainty possible → likely" and clear.id == doubtful.id


def test_noise_is_no_news_and_what_people_did_stays(make: "Make", later: Later) -> None:
    alert = alerts.acknowledged(
        alerts.of_incident(make.incident(), make.hazard(), None, None, make.start), "", "Ann", make.start
    )
    wobble = make.hazard(bearings=(make.bearing("cam-1", residual=0.7), *make.hazard().bearings[1:]))
    assert alerts.refreshed(alert, alerts.of_incident(make.incident(), wobble, None, alert, later(9)), later(9)) is None
    outlier = make.hazard(bearings=(*make.hazard().bearings[:2], make.bearing("cam-4")))
    news = alerts.refreshed(alert, alerts.of_incident(make.incident(), outlier, None, alert, later(9)), later(9))
    assert news is not None and news.state is AlertState.ACKNOWLEDGED and news.acknowledged_by == "Ann"


def test_a_sighting_is_added_once(make: "Make", later: Later) -> None:
    alert = alerts.of_incident(make.incident(), make.hazard(), None, None, make.start)
    more = alerts.with_sighting(alert, make.detection(), later(5))
    assert more is not None and more.evidence[-1].text == "drone-1 sees fire (confidence 0.93)"
    assert more.evidence[-1].kind == "detection" and alerts.with_sighting(more, make.detection(), later(6)) is None
    again = alerts.of_incident(make.incident(), make.hazard(), RED_FLAG, more, later(7))
    assert more.evidence[-1] in again.evidence


def test_the_advisory_gives_reasons_and_actions(make: "Make") -> None:
    crew = make.device(
        "crew-2", kind="asset", class_="crew", label="Crew Feather", location=Location(lat=39.828, lon=-121.4)
    )
    lost = replace(crew, id="crew-3", freshness="lost", kinematics=Kinematics())
    advisory = advisories.of_incident(make.incident(), make.hazard(), RED_FLAG, [crew, lost], make.start)
    assert advisory.rule == "wildfire-advisory/1" and advisory.incident == make.incident().id
    assert "Send an asset to look; approach from up-wind, 40° (NE)" in advisory.actions
    assert "Nearest crews: Crew Feather (crew-2) at 3.1 km" in advisory.actions
    assert {reason.kind for reason in advisory.reasons} == {"severity", "fix", "weather", "spread", "asset"}
    assert "obs-wx" in advisory.causes


def test_the_advisory_is_rewritten_for_news_and_not_all_the_time(make: "Make", later: Later) -> None:
    def now(
        weather: Weather | None, seconds: float, state: IncidentState = IncidentState.SUSPECTED
    ) -> advisories.Advisory:
        return advisories.of_incident(make.incident(state=state), make.hazard(), weather, [], later(seconds))

    first = now(RED_FLAG, 0)
    gust = dataclasses.replace(RED_FLAG, wind_mps=13.0)
    assert advisories.rewritten(first, now(RED_FLAG, 90), later(90)) is None
    assert advisories.rewritten(first, now(gust, 30), later(30)) is None
    assert advisories.rewritten(first, now(gust, 61), later(61)) is not None
    assert advisories.rewritten(first, now(None, 900), later(900)) is None, (
        "after a restart weather is unknown for a while"
    )
    assert advisories.rewritten(now(None, 0), now(RED_FLAG, 1), later(1)) is not None
    assert advisories.rewritten(first, now(RED_FLAG, 1, IncidentState.CONFIRMED), later(1)) is not None
    assert advisories.rewritten(first, now(RED_FLAG, 3100), later(3100)) is not None


def test_silence_is_one_alert_for_each_time(make: "Make", later: Later) -> None:
    alert = alerts.of_silence(make.device(freshness="lost"), later(60))
    assert (alert.severity, alert.dedupe_key) == (Severity.MINOR, "silence:gas-1")
    assert alert.id == alerts.of_silence(make.device(freshness="lost"), later(90)).id
    assert alert.id != alerts.of_silence(make.device(freshness="lost", heard_at=later(30)), later(90)).id
    assert alerts.of_silence(make.device("drone-1", kind="asset"), later(60)).severity is Severity.MODERATE
