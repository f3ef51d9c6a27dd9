"""The bus: NATS JetStream behind a small door of our own."""

from summit_core.bus.bus import Bus
from summit_core.bus.consumer import Delivery, consume
from summit_core.bus.mirror import Change, Mirror
from summit_core.bus.world import WorldWriter

__all__ = ["Bus", "Change", "Delivery", "Mirror", "WorldWriter", "consume"]
