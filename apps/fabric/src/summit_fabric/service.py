"""What fabric answers: the accounts of the sources with their present freshness, and the lineage of anything."""

from msgspec.structs import replace
from summit_core.bus import Mirror
from summit_core.errors import NotFoundError
from summit_core.model import SourceAccount

from summit_fabric.accounts import Ledger
from summit_fabric.deadletters import DeadLetters
from summit_fabric.keeper import Keeper
from summit_fabric.lineage import Lineage, trace
from summit_fabric.queries import Queries


class FabricService:
    """Joins what is recorded with what is live."""

    def __init__(self, queries: Queries, letters: DeadLetters, mirror: Mirror, keeper: Keeper) -> None:
        self.queries = queries
        self.letters = letters
        self._mirror = mirror
        self._keeper = keeper

    @property
    def seq(self) -> int:
        """The version of the picture."""
        return self._mirror.seq

    async def sources(self, *, limit: int, after: str) -> list[SourceAccount]:
        return [self._with_freshness(ledger) for ledger in await self.queries.ledgers(limit=limit, after=after)]

    async def source(self, identifier: str) -> SourceAccount:
        ledger = await self.queries.ledger(identifier)
        if ledger is None:
            raise NotFoundError(f"nothing was ever heard of a source {identifier!r}")
        return self._with_freshness(ledger)

    async def observation(self, identifier: str) -> bytes:
        body = await self.queries.observation(identifier)
        if body is None:
            raise NotFoundError(f"no observation {identifier} is stored")
        return body

    async def lineage(self, identifier: str) -> Lineage:
        return await trace(identifier, self._mirror, self.queries)

    def _with_freshness(self, ledger: Ledger) -> SourceAccount:
        return replace(
            ledger.account(),
            expected_interval_s=self._keeper.interval_of(ledger.id),
            freshness=self._keeper.freshness_of(ledger.id, ledger.last_heard),
        )
