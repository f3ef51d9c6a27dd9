"""Tokens of the issuer: verified, and turned into a caller with a role (RFC 9068, RFC 8725)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import jwt
from summit_core.errors import ForbiddenError, UnauthenticatedError
from summit_core.model import DEFAULT_ORGANISATION, Principal, Role
from summit_core.model.common import KEY_PATTERN

from summit_gateway.oidc.issuer import ALGORITHMS, Issuer

LEEWAY_S: Final = 10
"""How far the issuer's clock may be off."""
_TAKEN: Final = sorted(ALGORITHMS.values())
_ORDER: Final = (Role.ADMINISTRATOR, Role.COMMANDER, Role.OPERATOR, Role.VIEWER)


class Claims(NamedTuple):
    """Where the issuer says what we need. ``roles`` maps its words to our roles; without it they are our own words.
    Without ``organisation`` everybody belongs to the default one."""

    audience: str
    role: str
    organisation: str | None
    roles: Mapping[str, Role]


class OidcService:
    def __init__(self, issuer: Issuer, claims: Claims) -> None:
        self._issuer = issuer
        self._claims = claims
        self._roles = claims.roles or {str(role): role for role in _ORDER}

    async def verify(self, token: str) -> tuple[Principal, datetime]:
        """Who it is, and until when. Raises :class:`UnauthenticatedError`, :class:`ForbiddenError` without a role of
        ours, :class:`UnavailableError` while no key of the issuer is known."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _TAKEN:  # before anything else is looked at
                raise jwt.InvalidAlgorithmError(f"only {', '.join(_TAKEN)} are taken")
            key = await self._issuer.key(str(header.get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=_TAKEN,
                audience=self._claims.audience,
                issuer=self._issuer.name,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            until = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, TypeError) as error:
            raise UnauthenticatedError(f"the token is not valid: {error or type(error).__name__}") from error
        return self._principal(claims), until

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject = str(claims["sub"])
        name = next((claims[one] for one in ("preferred_username", "email", "name") if claims.get(one)), subject)
        return Principal(
            id=f"oidc:{subject}"[:200],
            name=str(name)[:200],
            role=self._role(claims),
            organisation=self._organisation(claims),
        )

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The highest of those that the claim names."""
        stated = _claim(claims, self._claims.role)
        words = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
        held = {self._roles[word] for word in words if isinstance(word, str) and word in self._roles}
        role = next((role for role in _ORDER if role in held), None)
        if role is None:
            raise ForbiddenError(f"the token's claim {self._claims.role} names none of {', '.join(self._roles)}")
        return role

    def _organisation(self, claims: Mapping[str, Any]) -> str:
        if self._claims.organisation is None:
            return DEFAULT_ORGANISATION
        stated = _claim(claims, self._claims.organisation)
        if not isinstance(stated, str) or re.fullmatch(KEY_PATTERN, stated) is None:
            raise ForbiddenError(f"the token's claim {self._claims.organisation} names no organisation")
        return stated


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by its path with dots (``realm_access.roles``)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
