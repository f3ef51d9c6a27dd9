"""The sender's account: stored, already stored, rejected and missing always add up to the records."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from summit_cli.replay import sender as sending
from summit_cli.replay.account import Account
from summit_cli.replay.recording import Recording, Reject
from summit_cli.replay.sender import Sender
from summit_core.model import AnyObservation, Report

AT = datetime(2024, 1, 1, tzinfo=UTC)
RECORDING = Recording("test-1", b"")


class FakeIngest:
    """Keeps ids; refuses the text "bad", bodies that are too large, and everything when told to."""

    def __init__(self, *, lose: int = 0, largest: int = 10_000) -> None:
        self.stored: set[str] = set()
        self.batches: list[int] = []
        self._lose = lose
        self._largest = largest

    async def ask(
        self, method: str, path: str, *, body: bytes | None = None, params: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        batch = msgspec.json.decode(body or b"[]")
        if len(batch) > self._largest:
            return 413, {"code": "too_large", "detail": "too large"}
        self.batches.append(len(batch))
        rejected = [
            {"index": index, "code": "invalid_field", "field": "text", "detail": "bad"}
            for index, item in enumerate(batch)
            if item["text"] == "bad"
        ]
        good = [item["id"] for item in batch if item["text"] != "bad"]
        self.stored |= set(good[self._lose :])
        return (202 if good else 422), {"accepted": len(good), "rejected": rejected, "ids": good}

    async def get(self, path: str, **params: str) -> Any:
        return {"count": len(self.stored)}


def records(count: int, *, bad: int = 0, unreadable: int = 0) -> Iterator[AnyObservation | Reject]:
    for number in range(count):
        text = "bad" if number < bad else f"report {number}"
        yield RECORDING.identify(Report(source="p-1", observed_at=AT, text=text), number)
    for number in range(unreadable):
        yield Reject(count + number, "no_position", "nowhere")


async def replay(ingest: FakeIngest, items: Iterator[AnyObservation | Reject]) -> Account:
    account = Account("test-1", "ndjson")
    await Sender(ingest, account).run(items)
    return account


async def test_the_second_run_stores_nothing() -> None:
    ingest = FakeIngest()
    first = await replay(ingest, records(1203, bad=3, unreadable=4))
    assert (first.records, first.stored, first.duplicate) == (1207, 1200, 0)
    assert first.rejected == {"invalid_field": 3, "no_position": 4}
    assert first.complete
    assert ingest.batches == [500, 500, 203]
    second = await replay(ingest, records(1203, bad=3, unreadable=4))
    assert (second.stored, second.duplicate, second.missing) == (0, 1200, 0)
    assert second.complete


async def test_an_interrupted_run_is_completed() -> None:
    ingest = FakeIngest()
    await replay(ingest, records(400))
    account = await replay(ingest, records(1000))
    assert (account.stored, account.duplicate, account.complete) == (600, 400, True)


async def test_what_was_accepted_and_not_stored_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SETTLED_WITHIN_S", 0.3)
    account = await replay(FakeIngest(lose=2), records(10))
    assert (account.stored, account.missing, account.complete) == (8, 2, False)


async def test_a_batch_that_is_too_large_is_halved() -> None:
    ingest = FakeIngest(largest=100)
    account = await replay(ingest, records(500))
    assert account.stored == 500
    assert max(ingest.batches) <= 100


async def test_a_batch_refused_as_a_whole_is_rejected_with_its_code() -> None:
    account = await replay(FakeIngest(largest=0), records(1))
    assert account.rejected == {"too_large": 1}
    assert account.complete
