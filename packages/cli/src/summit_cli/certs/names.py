"""Names that a certificate may bear, as written on the command line: ``fabric``, ``*.example.org``, ``127.0.0.1``."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

import click
from cryptography import x509

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_host = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_file = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def alternative(text: str) -> x509.GeneralName:
    """A name for which a certificate holds. Raises ``ClickException`` for what is neither a host nor an address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(_checked(text))


def permitted(texts: Iterable[str]) -> x509.NameConstraints:
    """What the authority may sign for: hosts with all below them, addresses and networks."""
    trees: list[x509.GeneralName] = []
    for text in texts:
        try:
            trees.append(x509.IPAddress(ipaddress.ip_network(text)))
        except ValueError:
            trees.append(x509.DNSName(_checked(text.lstrip("."))))
    return x509.NameConstraints(permitted_subtrees=trees, excluded_subtrees=None)


def subject(name: str) -> x509.Name:
    """Raises ``ClickException`` for a name that is no registration id and no service: it is a file's name too."""
    if not _file.fullmatch(name):
        raise click.ClickException(f"{name[:80]!r} is no name: letters, digits, dots, - and _, at most 64")
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def allows(constraints: x509.NameConstraints, name: x509.GeneralName) -> bool:
    """Whether the authority may sign for it (RFC 5280, section 4.2.1.10)."""
    for tree in constraints.permitted_subtrees or ():
        if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
            network = tree.value
            if isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and name.value in network:
                return True
        elif isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
            host = name.value.lower().removeprefix("*.")
            if host == tree.value.lower() or host.endswith(f".{tree.value.lower()}"):
                return True
    return False


def text(name: x509.GeneralName) -> str:
    return str(name.value)


def _checked(host: str) -> str:
    if not _host.fullmatch(host) or len(host) > 253:
        raise click.ClickException(f"{host[:80]!r} is neither a host name nor an address")
    return host.lower()
