"""Whose request it is: a header is believed of named proxies only, and never farther than they go."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope
from summit_core.http.limits.address import NOBODY, TrustedProxies

PROXIES = "10.0.0.0/8, fd00::/8"


def scope(peer: str | None, *said: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode("latin-1", "replace")) for value in said]
    return {"client": (peer, 1) if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["6.6.6.6, junk, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("fd00::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        (None, ["6.6.6.6"], NOBODY),
    ],
)
def test_the_client_is_the_first_that_is_not_ours(peer: str | None, said: list[str], client: str) -> None:
    assert TrustedProxies(PROXIES).client(scope(peer, *said)) == client


@given(st.lists(st.text(max_size=60), max_size=5))
def test_without_proxies_no_header_is_read(said: list[str]) -> None:
    assert TrustedProxies("").client(scope("203.0.113.9", *said)) == "203.0.113.9"


@given(st.lists(st.one_of(st.ip_addresses().map(str), st.text(max_size=40)), max_size=8))
def test_what_stands_left_of_the_client_changes_nothing(forged: list[str]) -> None:
    said = ", ".join([*forged, "198.51.100.1"])
    assert TrustedProxies(PROXIES).client(scope("10.1.1.1", said)) == "198.51.100.1"


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_one_customer_has_one_key(address: IPv6Address, host: int) -> None:
    other = IPv6Address(int(address) >> 64 << 64 | host)
    if address.ipv4_mapped is None and other.ipv4_mapped is None:
        assert TrustedProxies().client(scope(str(address))) == TrustedProxies().client(scope(str(other)))


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_its_own_key(address: IPv4Address) -> None:
    assert TrustedProxies().client(scope(str(address))) == str(address)


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="banana"):
        TrustedProxies("10.0.0.0/8,banana")
