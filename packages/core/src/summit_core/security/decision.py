"""The one decision: may this caller do this to this thing? Role x action x organisation x area, allowed or denied, and
why. REST, the stream, the broker's permissions and the services behind the gateway all ask here (ADR 0020). Pure.

What is of another organisation, or outside of all areas of the caller, does not exist for him: he is told that there is
no such thing, exactly as if there were none.
"""

from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from summit_core.errors import ForbiddenError, NotFoundError
from summit_core.model import DEFAULT_ORGANISATION, Principal, Role
from summit_core.model.common import Box
from summit_core.security.permissions import GRANTS, Permission
from summit_core.security.places import bounds, overlap, within

INSTALLATION: Final = frozenset({Permission.ORGANISE})
"""What concerns the whole installation: only the default organisation's people may."""


class Reason(StrEnum):
    """Why; the first that applies, in this order."""

    ROLE = "role"
    SCOPE = "scope"
    """The role may, but the credential was made for less."""
    INSTALLATION = "installation"
    ORGANISATION = "organisation"
    AREA = "area"
    REACH = "reach"
    """He sees it, but it reaches beyond his areas, so he may not change it."""
    VOICE = "voice"
    """A device speaks for itself and for what stands behind it, and for nobody else."""
    GRANTED = "granted"


class Placed(Protocol):
    """What belongs to somebody and is somewhere. ``bounds`` is asked only for callers who have areas."""

    @property
    def owner(self) -> str | None: ...
    @property
    def bounds(self) -> Box | None: ...


class Thing(NamedTuple):
    """What is acted on: whose it is (None: the default organisation's), its bounds (None: it has no place), and the
    devices that may speak for it (None: it is nothing that speaks)."""

    owner: str | None = None
    bounds: Box | None = None
    voices: tuple[str, ...] | None = None

    @classmethod
    def of(cls, thing: object) -> "Thing":
        """Of any object of the model."""
        if isinstance(thing, Thing):
            return thing
        return cls(getattr(thing, "organisation", None), bounds(thing))


class Scope(NamedTuple):
    """What there is for a caller. Callers with equal scopes see the same, so it can be a key."""

    owner: str | None
    areas: tuple[Box, ...] = ()

    @classmethod
    def of(cls, principal: Principal) -> "Scope":
        return cls(principal.owner, principal.areas)

    def holds(self, thing: Placed) -> bool:
        """Whether the thing exists for the caller."""
        return thing.owner == self.owner and (not self.areas or self.reaches(thing.bounds))

    def reaches(self, place: Box | None) -> bool:
        """Whether a place is in sight; what has none is the whole organisation's."""
        return not self.areas or place is None or any(overlap(area, place) for area in self.areas)

    def contains(self, place: Box | None) -> bool:
        """Whether all of a place is in one area."""
        return not self.areas or place is None or any(within(place, area) for area in self.areas)


DEFAULT_SCOPE: Final = Scope(None)


class Ruling(NamedTuple):
    """The decision, and what to tell the caller."""

    reason: Reason
    detail: str = ""

    @property
    def allowed(self) -> bool:
        return self.reason is Reason.GRANTED


_GRANTED: Final = Ruling(Reason.GRANTED)


def decide(principal: Principal, permission: Permission, thing: Thing | None = None) -> Ruling:
    """Whether ``principal`` may do this, to ``thing`` where the action is on one."""
    if permission not in GRANTS[principal.role]:
        allowed = ", ".join(role for role, granted in GRANTS.items() if permission in granted)
        told = f"the role {principal.role} may not {permission}; this needs one of: {allowed}. Ask an administrator."
        return Ruling(Reason.ROLE, told)
    if principal.scopes is not None and permission not in principal.scopes:
        told = f"this credential has the scopes {', '.join(principal.scopes) or 'none'}; {permission} is not among them"
        return Ruling(Reason.SCOPE, told)
    if permission in INSTALLATION and principal.organisation != DEFAULT_ORGANISATION:
        return Ruling(Reason.INSTALLATION, f"only the organisation {DEFAULT_ORGANISATION} may {permission}")
    if thing is None:
        return _GRANTED
    scope = Scope.of(principal)
    if not scope.holds(thing):
        return Ruling(Reason.AREA if thing.owner == scope.owner else Reason.ORGANISATION, "there is no such thing")
    if permission is not Permission.READ and not scope.contains(thing.bounds):
        return Ruling(Reason.REACH, "it reaches beyond your areas; ask somebody who is responsible for all of it")
    if principal.role is Role.DEVICE and thing.voices is not None and principal.name not in thing.voices:
        return Ruling(Reason.VOICE, "a device writes only as itself, and for what speaks through it")
    return _GRANTED


def sight(principal: Principal) -> Scope:
    """What there is to see for the caller. Raises :class:`ForbiddenError` for one who may see nothing."""
    require(principal, Permission.READ)
    return Scope.of(principal)


def require(principal: Principal, permission: Permission, thing: object = None, *, called: str = "") -> None:
    """Raises :class:`ForbiddenError`, or :class:`NotFoundError` for what does not exist for the caller. ``thing`` is an
    object of the model (None where the action is on none), ``called`` the words for a thing that is not there."""
    ruling = decide(principal, permission, None if thing is None else Thing.of(thing))
    if ruling.allowed:
        return
    if ruling.reason in {Reason.ORGANISATION, Reason.AREA}:
        raise NotFoundError(called or ruling.detail)
    raise ForbiddenError(ruling.detail)


def require_place(principal: Principal, thing: object) -> None:
    """Of a thing that the caller is about to make or to move: raises :class:`ForbiddenError` where that is outside his
    areas."""
    if not Scope.of(principal).contains(bounds(thing)):
        raise ForbiddenError("this lies outside of your areas; ask an administrator to widen them", field="location")
