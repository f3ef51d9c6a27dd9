"""Where a request comes from. What a header says of that is believed only of proxies that were named.

``X-Forwarded-For`` is read from the right: each proxy appends whom it heard, so everything to the left of the first
address that is not one of our proxies may have been made up by the client.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.types import Scope

NOBODY: Final = "unknown"
PREFIX: Final = 64
"""Bits of an IPv6 address that name a customer: the rest he chooses at will (RFC 6177)."""


class TrustedProxies:
    """``text``: networks such as ``10.0.0.0/8,fd00::/8``; empty trusts nobody. Raises ``ValueError`` that names one."""

    def __init__(self, text: str = "") -> None:
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(part.strip()) for part in text.split(",") if part.strip()
        ]
        self._client = lru_cache(maxsize=4096)(self._find)

    def client(self, scope: Scope) -> str:
        """The address to count by: IPv4 as it is, IPv6 as its network of 64 bits."""
        peer = scope.get("client")
        said = [value for name, value in scope["headers"] if name == b"x-forwarded-for"] if self._networks else ()
        return self._client(str(peer[0]) if peer else "", b",".join(said)[-2048:].decode("latin-1"))

    def _find(self, peer: str, said: str) -> str:
        known = peer
        for hop in (peer, *(part.strip() for part in reversed(said.split(",")))):
            try:
                address = ip_address(hop.strip("[]"))
            except ValueError:
                break  # what stands left of nonsense was said by nobody we know
            known = hop
            if not any(address in network for network in self._networks):
                break
        return by_network(known.strip("[]"))


def by_network(text: str) -> str:
    """The address, or the network that stands for all of one customer's addresses."""
    try:
        address = ip_address(text)
    except ValueError:
        return NOBODY
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address) >> PREFIX << PREFIX, PREFIX)))
    return str(address)
