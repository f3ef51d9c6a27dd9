"""Table ``organisations``."""

from typing import Final

from summit_core.store import Pool

from summit_gateway.keys.store import available
from summit_gateway.organisations.organisation import Organisation

_COLUMNS: Final = "id, name, created_at, created_by"


class OrganisationStore:
    """Every method raises :class:`UnavailableError` while the database is away or not migrated."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[Organisation]:
        async with available():
            rows = await self._pool.fetch(f"SELECT {_COLUMNS} FROM organisations ORDER BY created_at, id")
        return [Organisation(**dict(row)) for row in rows]

    async def add(self, one: Organisation) -> bool:
        """False where there is one of this id."""
        statement = (
            f"INSERT INTO organisations ({_COLUMNS}) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id"
        )
        async with available():
            return bool(await self._pool.fetchval(statement, one.id, one.name, one.created_at, one.created_by))
