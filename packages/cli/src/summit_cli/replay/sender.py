"""Sends the records of a recording through ``POST /v1/observations`` and asks the store what became of them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from summit_core import wire
from summit_core.model import AnyObservation

from summit_cli.replay.account import Account
from summit_cli.replay.recording import Reject

BATCH = 500
SETTLED_WITHIN_S = 60.0
POLL_S = 0.25


class Ingest(Protocol):
    """What we need of the gateway."""

    async def ask(
        self, method: str, path: str, *, body: bytes | None = None, params: dict[str, str] | None = None
    ) -> tuple[int, Any]: ...

    async def get(self, path: str, **params: str) -> Any: ...


@dataclass(slots=True)
class Sender:
    """``speed`` is a multiple of the recording's own pace; 0 is as fast as it goes."""

    ingest: Ingest
    account: Account
    speed: float = 0.0
    progress: Callable[[Account], None] = lambda _: None
    _batch: list[AnyObservation] = field(default_factory=list)
    _accepted_ids: set[str] = field(default_factory=set)
    _origin: tuple[float, datetime] | None = None

    async def run(self, records: Iterator[AnyObservation | Reject]) -> None:
        """All records, then the account."""
        loop = asyncio.get_running_loop()
        before, began = await self._count(), loop.time()
        for record in records:
            self.account.records += 1
            if isinstance(record, Reject):
                self.account.reject(record.reason, f"record {record.record}: {record.detail}")
                continue
            await self._wait_for(record.observed_at)
            self._batch.append(record)
            if len(self._batch) >= BATCH:
                await self._flush()
        await self._flush()
        self.account.seconds = loop.time() - began
        after = await self._settled(before)
        self.account.settle(before=before, after=after, distinct=len(self._accepted_ids))

    async def _wait_for(self, observed_at: datetime) -> None:
        if self.speed <= 0:
            return
        now = asyncio.get_running_loop().time()
        if self._origin is None:
            self._origin = (now, observed_at)
        due = self._origin[0] + (observed_at - self._origin[1]).total_seconds() / self.speed
        if due > now:
            await self._flush()
            await asyncio.sleep(due - now)

    async def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            await self._send(batch)
            self.progress(self.account)

    async def _send(self, batch: list[AnyObservation]) -> None:
        status, answer = await self.ingest.ask("POST", "/v1/observations", body=wire.encode(batch))
        if status == 413 and len(batch) > 1:  # together too large for one request
            half = len(batch) // 2
            await self._send(batch[:half])
            await self._send(batch[half:])
            return
        self.account.sent += len(batch)
        if not isinstance(answer, dict):
            answer = {"detail": str(answer)}
        refused = {entry["index"]: entry for entry in answer.get("rejected", ())}
        if status >= 400 and not refused:  # refused as a whole
            refused = {index: {"code": status, **answer} for index in range(len(batch))}
        for index, observation in enumerate(batch):
            entry = refused.get(index)
            if entry is None:
                self.account.accepted += 1
                self._accepted_ids.add(str(observation.id))
            else:
                self.account.reject(str(entry["code"]), f"{observation.id}: {entry.get('detail', '')}")

    async def _count(self) -> int:
        answer = await self.ingest.get("/v1/observations/count", recording=self.account.recording)
        return int(answer["count"])

    async def _settled(self, before: int) -> int:
        """The count when everything accepted is stored and it no longer moves, or when the time is over."""
        deadline = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        last, count = -1, before
        while asyncio.get_running_loop().time() < deadline:
            count = await self._count()
            if count >= len(self._accepted_ids) and count == last:
                return count
            last = count
            await asyncio.sleep(POLL_S)
        return count
