"""What each registered thing may do on the broker now: the core's decision, of what the registry knows."""

from summit_core.bus import Mirror
from summit_core.model import Registration
from summit_core.security.broker import Rights, rights_of
from summit_core.security.decision import Thing

from summit_fabric.registry.behind import Behind
from summit_fabric.registry.credentials import Held


class Grants:
    """A device speaks for itself and for what is registered behind it, where that is its organisation's."""

    def __init__(self, mirror: Mirror, behind: Behind) -> None:
        self._mirror = mirror
        self._behind = behind

    def of(self, held: Held) -> Rights:
        """Of who shows this credential; none where it was made by another organisation than its device's."""
        found = (
            self._mirror.get("registrations", key, Registration) for key in (held.device, *self._behind.of(held.device))
        )
        registered = (one[0] for one in found if one is not None)
        things = {one.id: Thing(one.organisation, None, tuple(filter(None, (one.id, one.node)))) for one in registered}
        return rights_of(held.principal, things)


def owner_of(client_id: str) -> str:
    """The device that an MQTT client id belongs to: ``<id>``, or ``<id>/<anything>`` for a second connection.

    The broker ends the older of two equal client ids and logs a denied publish under the client id, so nobody may use
    another's.
    """
    return client_id.partition("/")[0]
