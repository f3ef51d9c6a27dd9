"""The table of permissions: role by role, in one place, asked by REST and streams alike."""

from enum import StrEnum

from summit_core.errors import ForbiddenError
from summit_core.model import Principal, Role


class Permission(StrEnum):
    READ = "read"
    """See the picture, the stream, sources, lineage."""
    OBSERVE = "observe"
    """Send observations."""
    OPERATE = "operate"
    """Acknowledge alerts, move incidents."""
    APPROVE = "approve"
    """Decide on proposed tasks."""
    ADMINISTER = "administer"
    """Make and revoke keys."""


_P = Permission
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.READ}),
    Role.OPERATOR: frozenset({_P.READ, _P.OBSERVE, _P.OPERATE}),
    Role.COMMANDER: frozenset({_P.READ, _P.OBSERVE, _P.OPERATE, _P.APPROVE}),
    Role.ADMINISTRATOR: frozenset(_P),
    Role.DEVICE: frozenset({_P.OBSERVE}),
    Role.SERVICE: frozenset({_P.READ, _P.OBSERVE}),
}


def require(principal: Principal, permission: Permission) -> None:
    """Raise :class:`ForbiddenError` unless the principal's role grants the permission."""
    if permission not in GRANTS[principal.role]:
        allowed = ", ".join(role for role, granted in GRANTS.items() if permission in granted)
        raise ForbiddenError(
            f"the role {principal.role} may not {permission}; this needs one of: {allowed}. Ask an administrator."
        )
