"""Whose an observation is: its subject's or its credential's, whatever it says of itself."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from summit_core.bus import Change, Picture
from summit_core.bus.owners import Owners
from summit_core.model import WorldEvent
from summit_fabric.claims import ORGANISATION, settle
from summit_fabric.judge import Input, Verdict, judge_into

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def judged(subject: str, source: str, headers: dict[str, str]) -> Verdict:
    picture = Picture()
    owners = Owners(picture)
    body = msgspec.Raw(b"{}")
    picture.apply(
        Change(
            1,
            WorldEvent(
                id="0",
                type="registrations",
                key="cam-n",
                op="upsert",
                source="f",
                at=NOW,
                organisation="north",
                body=body,
            ),
        )
    )
    said = {"source": source, "observed_at": NOW.isoformat(), "quantity": "x", "value": 1.0, "unit": "1"}
    data = json.dumps(said | {"organisation": "west"}).encode()
    message, verdict = Input(subject, data, 1, NOW, "mqtt"), Verdict()
    judge_into(message, verdict)
    settle(message, headers, verdict, (0, 0), owners)
    return verdict


@pytest.mark.parametrize(
    ("subject", "source", "headers", "owner"),
    [
        ("observations.measurement.cam-n", "cam-n", {}, "north"),
        ("observations.measurement.cam-d", "cam-d", {}, None),
        ("observations.measurement", "cam-d", {}, None),
        ("observations.measurement", "cam-n", {ORGANISATION: "north"}, "north"),
    ],
)
def test_it_is_its_senders(subject: str, source: str, headers: dict[str, str], owner: str | None) -> None:
    verdict = judged(subject, source, headers)
    assert [one.organisation for one in verdict.accepted] == [owner]
    assert verdict.refused == []


@pytest.mark.parametrize(("source", "sender"), [("cam-n", "default"), ("cam-d", "north"), ("cam-n", "south")])
def test_another_organisations_source_is_refused(source: str, sender: str) -> None:
    verdict = judged("observations.measurement", source, {ORGANISATION: sender})
    assert verdict.accepted == []
    assert [(one.code, one.source) for one in verdict.refused] == [("source_mismatch", None)]
    assert verdict.refused[0].organisation == (None if sender == "default" else sender)
