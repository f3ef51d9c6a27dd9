"""The limits of the gateway at work: who calls, what that is counted as, and what else is to be counted."""

from contextlib import AbstractContextManager
from functools import cached_property

from starlette.requests import HTTPConnection
from starlette.types import Scope
from summit_core.errors import SummitError, UnauthenticatedError
from summit_core.http.limits import middleware
from summit_core.http.limits.address import TrustedProxies
from summit_core.http.limits.limiter import Limiter
from summit_core.http.limits.middleware import Charge
from summit_core.http.limits.seats import Seats
from summit_core.model import Principal

from summit_gateway.access import STREAM
from summit_gateway.identity import PRINCIPAL, REFUSAL
from summit_gateway.limits.attempts import Attempts
from summit_gateway.limits.rules import Kind, Rules, caller, kind_of
from summit_gateway.limits.settings import Limits


class Limiting:
    """For one process. Everything that is counted raises :class:`RateLimitedError`."""

    def __init__(self, limits: Limits, proxies: TrustedProxies, limiter: Limiter) -> None:
        self._limits = limits
        self._proxies = proxies
        self._limiter = limiter
        self._rules = Rules(limits)
        self._seats = Seats("streams", limits.streams)
        self._attempts = Attempts(limiter.local, limits.policy("failed_credential"), limits.policy("failed_address"))

    @cached_property
    def rules(self) -> middleware.Rules:
        """For :class:`LimitsMiddleware`."""
        return middleware.Rules(self._limiter, self._charges, self._held)

    def address(self, scope: Scope) -> str:
        """Where a request comes from, as it is counted."""
        return self._proxies.client(scope)

    def admit(self, scope: Scope) -> None:
        """Before anybody looks up the credential. What has to work in an emergency is let through."""
        if scope["path"].startswith("/v1/") and kind_of(scope) is Kind.ORDINARY:
            self._attempts.admit(scope, self.address(scope))

    async def sign_in(self, connection: HTTPConnection, account: str) -> None:
        """An attempt at this account, before the password is looked at."""
        address = self.address(connection.scope)
        await self._limiter.charge(self._limits.policy("sign_in_account"), f"{address} {account[:200]}")
        await self._limiter.charge(self._limits.policy("sign_in_account_anywhere"), account[:200])

    async def items(self, principal: Principal, count: int) -> None:
        """Observations of one request."""
        await self._limiter.charge(self._limits.policy("observation_items"), caller(principal, ""), count)

    async def note(self) -> str | None:
        """What readiness says of it without being unready: limits hold without the shared store, only less exactly."""
        return self._limiter.reason and f"limits are counted in this process alone: {self._limiter.reason}"

    def _charges(self, scope: Scope) -> list[Charge]:
        principal = _principal(scope)
        refusal: SummitError | None = scope["state"].get(REFUSAL)
        good = True if principal is not None else False if isinstance(refusal, UnauthenticatedError) else None
        self._attempts.settle(scope, good)
        return self._rules.charges(scope, principal, self.address(scope))

    def _held(self, scope: Scope) -> AbstractContextManager[None] | None:
        principal = _principal(scope)
        if scope["path"] != STREAM or principal is None:
            return None
        most = self._limits
        address = self.address(scope)
        return self._seats.held(
            {f"one {caller(principal, '')}": most.streams_of_one, f"at {address}": most.streams_of_address}
        )


def _principal(scope: Scope) -> Principal | None:
    principal = scope["state"].get(PRINCIPAL)
    return principal if isinstance(principal, Principal) else None
