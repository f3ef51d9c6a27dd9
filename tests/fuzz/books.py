"""The books after hostile input: what the accounts, the store and the dead letters say, and whether they agree."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import nats
from nats.aio.client import Client

SETTLE_S = 30.0
WAY = (
    ("INGEST", "fabric-validator"),
    ("LINKS", "fabric-statuses"),
    ("OBSERVATIONS", "fabric-recorder"),
    ("DEADLETTERS", "fabric-deadletters"),
)
"""Who takes from which stream, in the order in which an input passes them."""


@dataclass(frozen=True)
class Books:
    """Totals over all sources, and the rows that must bear them out."""

    received: int
    stored: int
    duplicate: int
    rejected: int
    rows: int
    letters: int

    @property
    def agree(self) -> bool:
        parts = self.stored + self.duplicate + self.rejected
        return self.received == parts and self.stored == self.rows and self.rejected == self.letters


class Auditor:
    """Reads the books of a running system."""

    def __init__(self, endpoints: dict[str, Any], key: str) -> None:
        self._endpoints = endpoints
        self._headers = {"Authorization": f"Bearer {key}"}

    async def read(self) -> Books:
        accounts = await self._accounts()
        connection = await asyncpg.connect(self._endpoints["postgres"])
        rows = await connection.fetchval("SELECT count(*) FROM observations")
        letters = await connection.fetchval("SELECT count(*) FROM dead_letters")
        await connection.close()
        totals = {name: sum(one[name] for one in accounts) for name in ("received", "stored", "duplicate", "rejected")}
        return Books(**totals, rows=rows, letters=letters)

    async def settled(self, before: Books, least: int, most: int) -> Books:
        """The books once nothing is underway, they agree and show between ``least`` and ``most`` more than before; or
        as they are when that takes too long. What were still underway would be taken for the next batch's."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        bus = await nats.connect(self._endpoints["nats"])
        while True:
            quiet = await _quiet(bus)
            books = await self.read()
            done = quiet and books.agree and least <= books.received - before.received <= most
            if done or asyncio.get_running_loop().time() > deadline:
                await bus.close()
                return books
            await asyncio.sleep(0.05)

    async def differences(self) -> dict[str, tuple[int, int]]:
        """Stored by the account and by the rows, of each source where the two are not the same."""
        connection = await asyncpg.connect(self._endpoints["postgres"])
        rows = await connection.fetch("SELECT source, count(*) AS n FROM observations GROUP BY source")
        await connection.close()
        kept = {row["source"]: row["n"] for row in rows}
        told = {one["id"]: one["stored"] for one in await self._accounts()}
        return {
            source: (told.get(source, 0), kept.get(source, 0))
            for source in sorted(told | kept)
            if told.get(source, 0) != kept.get(source, 0)
        }

    async def reasons(self) -> dict[str, int]:
        """Dead letters by door and code."""
        connection = await asyncpg.connect(self._endpoints["postgres"])
        rows = await connection.fetch("SELECT door, code, count(*) AS n FROM dead_letters GROUP BY 1, 2 ORDER BY 1, 2")
        silent = await connection.fetchval("SELECT count(*) FROM dead_letters WHERE code = '' OR message = ''")
        await connection.close()
        assert silent == 0, f"{silent} dead letters give no reason"
        return {f"{row['door']} {row['code']}": row["n"] for row in rows}

    async def denied(self, expected: int) -> int:
        """Publishes that the broker dropped, as fabric counted them from the broker's log, once there are so many."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self._endpoints["services"]["fabric"] + "/metrics") as response:
                    page = await response.text()
                found = re.findall(r"^summit_denied_publishes_total{.*} (\S+)$", page, re.MULTILINE)
                counted = int(sum(map(float, found)))
                if counted >= expected or asyncio.get_running_loop().time() > deadline:
                    return counted
                await asyncio.sleep(0.1)

    async def _accounts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with aiohttp.ClientSession(headers=self._headers) as session:
            cursor: str | None = ""
            while cursor is not None:
                more = {"cursor": cursor} if cursor else {}
                async with session.get(
                    self._endpoints["gateway"] + "/v1/sources", params={"limit": "1000"} | more
                ) as response:
                    assert response.status == 200, await response.text()
                    answer = await response.json()
                found += answer["items"]
                cursor = answer["next"]
        return found


async def _quiet(bus: Client) -> bool:
    """Whether all that is stored in the streams has been dealt with."""
    for stream, durable in WAY:
        info = await bus.jetstream().consumer_info(stream, durable)
        if info.num_pending or info.num_ack_pending:
            return False
    return True
