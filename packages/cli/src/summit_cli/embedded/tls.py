"""The certificates of `summit up --tls`: an authority in the state folder, one certificate for each program."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from summit_core.security.context import TlsFiles

from summit_cli.certs.folder import Folder
from summit_cli.state import StateDir

OPERATOR: Final = "operator"
"""Shown by the command line and the supervisor."""
SIMULATED: Final = "simulated-devices"
"""Shown by the devices of a scenario, which share one user."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Tls(Folder):
    """The authority of an installation, as its programs use it."""

    def files(self, name: str) -> TlsFiles:
        """What a program called ``name`` shows and believes."""
        return TlsFiles(ca=str(self.root), certificate=str(self.certificate(name)), key=str(self.key(name)))

    def service(self, name: str, *, clients: bool) -> dict[str, str]:
        """The settings of a service. ``clients``: whether it lets in only those who show a certificate."""
        return {
            "SUMMIT_TLS_CERT_FILE": str(self.certificate(name)),
            "SUMMIT_TLS_KEY_FILE": str(self.key(name)),
            "SUMMIT_TLS_CA_FILE": str(self.root),
            "SUMMIT_TLS_CLIENT_CA_FILE": str(self.folder / "services.pem"),
            "SUMMIT_TLS_CRL_FILE": str(self.folder / "revoked.pem"),
            "SUMMIT_TLS_CLIENTS": "required" if clients else "off",
        }

    def broker(self, clients: str | None) -> str:
        """A block of the broker's configuration. ``clients``: who is let in, ``services`` or ``devices``; None: who has
        no certificate too. The broker either demands one or asks for none."""
        own = f'cert_file: "{self.certificate("nats")}", key_file: "{self.key("nats")}"'
        theirs = "" if clients is None else f', ca_file: "{self.folder / clients}.pem", verify: true'
        return f'tls {{ {own}{theirs}, min_version: "1.2", timeout: 5 }}'


def prepare(state: StateDir, services: Iterable[str], host: str) -> Tls:
    """Make what is missing and renew what is due. Blocks for a few milliseconds; without it running, nothing signs."""
    from summit_cli.certs.authority import Authority, now  # 10 MB that the supervisor has only where TLS is on
    from summit_cli.certs.issue import Kind

    folder, here, at = state.certs.resolve(), own_names(host), now()
    made = Authority.open(folder) if (folder / "root.pem").exists() else Authority.create(folder, here, at)
    wanted: dict[str, tuple[Kind, tuple[str, ...]]] = {
        name: (Kind.SERVER, (name, *LOOPBACK, *(here if name == "api-gateway" else ()))) for name in (*services, "nats")
    }
    wanted |= {OPERATOR: (Kind.CLIENT, ()), SIMULATED: (Kind.DEVICE, ())}
    present = made.current()
    for name, (kind, names) in wanted.items():
        if name not in present:
            made.issue(name, kind, names, at)
        elif present[name].revoked is None and present[name].due <= at:
            made.renew(name, at)
    return Tls(folder)


def own_names(host: str) -> tuple[str, ...]:
    """By which others reach the gateway, besides loopback: the address it listens on, and the name of this machine."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return ()
    names = {socket.gethostname().lower()} | ({host} if host not in {"0.0.0.0", "::"} else set())
    return tuple(sorted(names - set(LOOPBACK)))
