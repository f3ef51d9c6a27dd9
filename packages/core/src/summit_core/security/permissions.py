"""The table of permissions: role by role, in one place. ``decision`` asks it for REST, streams and the broker alike."""

from enum import StrEnum

from summit_core.model import Role


class Permission(StrEnum):
    READ = "read"
    """See the picture, the stream, sources, lineage."""
    OBSERVE = "observe"
    """Send observations."""
    OPERATE = "operate"
    """Acknowledge alerts, move incidents."""
    APPROVE = "approve"
    """Decide on proposed tasks."""
    CONNECT = "connect"
    """Hold a connection to the broker: hear one's tasks, say what becomes of them and of the link."""
    ADMINISTER = "administer"
    """Make and revoke keys."""
    ORGANISE = "organise"
    """Make organisations; only within the default one."""


_P = Permission
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.READ}),
    Role.OPERATOR: frozenset({_P.READ, _P.OBSERVE, _P.OPERATE}),
    Role.COMMANDER: frozenset({_P.READ, _P.OBSERVE, _P.OPERATE, _P.APPROVE}),
    Role.ADMINISTRATOR: frozenset(_P) - {_P.CONNECT},
    Role.DEVICE: frozenset({_P.OBSERVE, _P.CONNECT}),
    Role.SERVICE: frozenset({_P.READ, _P.OBSERVE}),
}
