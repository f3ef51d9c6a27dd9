"""The bus: NATS JetStream behind a small door of our own."""

from summit_core.bus.bus import Bus
from summit_core.bus.change import Change
from summit_core.bus.consumer import Delivery, consume
from summit_core.bus.mirror import Mirror
from summit_core.bus.picture import Picture
from summit_core.bus.publisher import Outgoing
from summit_core.bus.world import Put, WorldWriter

__all__ = ["Bus", "Change", "Delivery", "Mirror", "Outgoing", "Picture", "Put", "WorldWriter", "consume"]
