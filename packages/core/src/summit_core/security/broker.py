"""What a device may do on the broker: which subject needs which permission, and the one decision about each. Pure.

An id (``Key``) holds no dot, no slash and no wildcard, so it can be no more than one part of a subject.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from summit_core.model import Principal, Role
from summit_core.security.decision import Thing, decide
from summit_core.security.permissions import Permission

PUBLISH: Final = (
    (Permission.OBSERVE, "observations.*.{id}"),
    (Permission.OBSERVE, "devices.{id}.telemetry"),
    (Permission.CONNECT, "devices.{id}.status"),
    (Permission.CONNECT, "tasks.{id}.status"),
)
SUBSCRIBE: Final = ((Permission.CONNECT, "tasks.{id}.dispatch"),)
DELIVERIES: Final = "$MQTT.sub.>"
"""Where the broker delivers QoS 1 and 2; it lets no client name it in a subscription of its own."""
NOT_NAMED: Final = "observations.*"
"""Where the source is named in the message only: for services, and for devices that share a user."""
EVERY: Final = "*"


class Rights(NamedTuple):
    """Subjects that it may publish on and subscribe to; none of either for one that may not even connect."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Eight characters that change with the rights."""
        return hashlib.sha256("\n".join((*self.publish, "", *self.subscribe)).encode()).hexdigest()[:8]


def rights_of(principal: Principal, things: Mapping[str, Thing]) -> Rights:
    """``things``: by its id, what ``principal`` may want to speak for. Each subject is granted by
    :func:`decide`, and none of a thing with which he may not connect."""

    def may(permission: Permission, key: str) -> bool:
        return decide(principal, permission, things[key]).allowed

    linked = [key for key in sorted(things) if may(Permission.CONNECT, key)]
    publish, subscribe = (
        tuple(subject.format(id=key) for key in linked for permission, subject in table if may(permission, key))
        for table in (PUBLISH, SUBSCRIBE)
    )
    return Rights(publish, (DELIVERIES, *subscribe)) if linked else Rights()


def shared_rights() -> Rights:
    """Of the one user that all devices of a development installation share: what each may, on anybody's subject."""
    rights = rights_of(Principal(id=EVERY, name=EVERY, role=Role.DEVICE), {EVERY: Thing()})
    return rights._replace(publish=(NOT_NAMED, *rights.publish))
