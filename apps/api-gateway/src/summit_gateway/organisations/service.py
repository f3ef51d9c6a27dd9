"""Making organisations, each with the key of its first administrator."""

import structlog
from summit_core.clock import Clock
from summit_core.errors import ConflictError
from summit_core.model import Principal, Role

from summit_gateway.keys.key import NewKey
from summit_gateway.keys.service import KeyService
from summit_gateway.organisations.organisation import MadeOrganisation, NewOrganisation, Organisation
from summit_gateway.organisations.store import OrganisationStore
from summit_gateway.reach import oversees, require_full

log = structlog.get_logger(__name__)


class OrganisationService:
    def __init__(self, store: OrganisationStore, keys: KeyService, clock: Clock) -> None:
        self._store, self._keys, self._clock = store, keys, clock

    async def list(self, by: Principal) -> list[Organisation]:
        """His own; of the default organisation's administrators: all."""
        return [one for one in await self._store.all() if oversees(by, one.id)]

    async def create(self, wanted: NewOrganisation, by: Principal) -> MadeOrganisation:
        """Raises :class:`ConflictError` for an id that is taken. Should the key not be made, ``POST /v1/keys`` of the
        default organisation makes it."""
        require_full(by)
        made = Organisation(id=wanted.id, name=wanted.name, created_at=self._clock.now(), created_by=by.name)
        if not await self._store.add(made):
            raise ConflictError(f"there is an organisation {wanted.id}; choose another id", field="id")
        first = NewKey(name=f"administrator of {wanted.id}", role=Role.ADMINISTRATOR, organisation=wanted.id)
        key = await self._keys.create(first, by)
        log.info("organisation made", organisation=wanted.id, by=by.id)
        return MadeOrganisation(organisation=made, key=key)
