"""What fabric answers: the accounts of the sources with their present freshness, and the lineage of anything."""

from summit_core.bus import Mirror
from summit_core.errors import NotFoundError
from summit_core.model import Lineage, SourceAccount

from summit_fabric.audit.endpoints import Audit
from summit_fabric.deadletters import DeadLetters
from summit_fabric.history.app import History
from summit_fabric.lineage import trace
from summit_fabric.queries import Queries
from summit_fabric.registry.service import RegistryService
from summit_fabric.silence import Silence
from summit_fabric.world.service import WorldService
from summit_fabric.zones.service import ZoneService


class FabricService:
    """Joins what is recorded with what is live."""

    def __init__(
        self,
        queries: Queries,
        letters: DeadLetters,
        mirror: Mirror,
        silence: Silence,
        world: WorldService,
        registry: RegistryService,
        zones: ZoneService,
        history: History,
        audit: Audit,
    ) -> None:
        self.queries = queries
        self.letters = letters
        self.world = world
        self.registry = registry
        self.zones = zones
        self.history = history
        self.audit = audit
        self._mirror = mirror
        self._silence = silence

    @property
    def seq(self) -> int:
        """The version of the picture."""
        return self._mirror.seq

    async def caught_up(self) -> None:
        """Until the picture holds what is in the stream now."""
        await self._mirror.caught_up()

    async def sources(self, *, limit: int, after: str) -> list[SourceAccount]:
        return [self._silence.account(ledger) for ledger in await self.queries.ledgers(limit=limit, after=after)]

    async def source(self, identifier: str) -> SourceAccount:
        ledger = await self.queries.ledger(identifier)
        if ledger is None:
            raise NotFoundError(f"nothing was ever heard of a source {identifier!r}")
        return self._silence.account(ledger)

    async def observation(self, identifier: str) -> bytes:
        body = await self.queries.observation(identifier)
        if body is None:
            raise NotFoundError(f"no observation {identifier} is stored")
        return body

    async def lineage(self, identifier: str) -> Lineage:
        await self.caught_up()
        return await trace(identifier, self._mirror, self.history.archive)
