"""Whose an observation is: its subject's or its credential's, whatever it says of itself."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from summit_core import wire
from summit_core.bus import Change, Picture
from summit_core.bus.owners import Owners
from summit_core.model import WorldEvent
from summit_fabric.accounts import Ledger, refuse
from summit_fabric.claims import ORGANISATION, settle
from summit_fabric.decoded import Decoded
from summit_fabric.judge import Input, Verdict, judge_into
from summit_fabric.worker import Validator

NOW = datetime(2026, 1, 1, tzinfo=UTC)


REGISTERED = Change(
    1,
    WorldEvent(
        id="0",
        type="registrations",
        key="cam-n",
        op="upsert",
        source="f",
        at=NOW,
        organisation="north",
        body=msgspec.Raw(b"{}"),
    ),
)


def judged(subject: str, source: str, headers: dict[str, str], value: object = 1.0) -> Verdict:
    picture = Picture()
    owners = Owners(picture)
    assert owners.alone
    picture.apply(REGISTERED)
    assert not owners.alone
    said = {"source": source, "observed_at": NOW.isoformat(), "quantity": "x", "value": value, "unit": "1"}
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


@pytest.mark.parametrize(
    ("subject", "source", "charged"),
    [
        ("observations.measurement.cam-n", "cam-n", ("cam-n", "north")),
        ("observations.measurement", "cam-d", ("cam-d", None)),
        ("observations.measurement", "cam-n", (None, None)),
    ],
)
def test_what_is_refused_is_charged_to_its_senders_source_only(
    subject: str, source: str, charged: tuple[str | None, str | None]
) -> None:
    (letter,) = judged(subject, source, {}, value="much").refused
    assert (letter.source, letter.organisation) == charged
    assert refuse(Ledger(id="s"), letter).organisation == letter.organisation


class Kept:
    """Stands in for the bus."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def publish_many(self, messages: list[Any]) -> list[int]:
        self.messages += messages
        return list(range(1, len(messages) + 1))


async def test_an_organisation_that_comes_later_is_known_too() -> None:
    """At its start a validator knows of no other organisation; the owners that it was given go on learning."""
    picture, bus = Picture(), Kept()
    validator = Validator(cast("Any", bus), Decoded(), Owners(picture))
    picture.apply(REGISTERED)
    said = {"source": "cam-n", "observed_at": NOW.isoformat(), "quantity": "x", "value": 1.0, "unit": "1"}
    sent = SimpleNamespace(
        subject="observations.measurement.cam-n",
        data=json.dumps(said).encode(),
        header=b"",
        headers={},
        seq=1,
        pending=0,
        moment=NOW,
        timestamp=NOW,
    )
    await validator.handle([cast("Any", sent)])
    (message,) = bus.messages
    (observation,) = wire.decode_observations(message.data, now=NOW)
    assert observation.organisation == "north"
