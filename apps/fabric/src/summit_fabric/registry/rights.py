"""What a registered thing may do on the broker: speak as itself and for what stands behind it, and hear its tasks.

Pure. An id (``Key``) holds no dot, no slash and no wildcard, so it can be no more than one part of a subject.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

DELIVERIES = "$MQTT.sub.>"
"""Where the broker delivers QoS 1 and 2; it lets no client name it in a subscription of its own."""


class Rights(NamedTuple):
    """Subjects that it may publish on and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Eight characters that change with the rights."""
        return hashlib.sha256("\n".join((*self.publish, "", *self.subscribe)).encode()).hexdigest()[:8]


def rights_of(device: str, behind: Iterable[str] = ()) -> Rights:
    """``behind``: what speaks through this device, if it is a node."""
    publish, subscribe = [], [DELIVERIES]
    for one in (device, *sorted(behind)):
        publish += [f"observations.*.{one}", f"devices.{one}.telemetry", f"devices.{one}.status", f"tasks.{one}.status"]
        subscribe.append(f"tasks.{one}.dispatch")
    return Rights(tuple(publish), tuple(subscribe))


def owner_of(client_id: str) -> str:
    """The device that an MQTT client id belongs to: ``<id>``, or ``<id>/<anything>`` for a second connection.

    The broker ends the older of two equal client ids and logs a denied publish under the client id, so nobody may use
    another's.
    """
    return client_id.partition("/")[0]
