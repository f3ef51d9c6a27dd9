"""The certificates that devices show: whose each is, until when it holds, and which are revoked.

The broker has verified the chain, and that is all it can do: it compares no name and knows no list of the revoked. Both
are done here. The list (RFC 5280, section 5) is read again as soon as its file is another; while it cannot be read,
what was on it stays revoked.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from summit_core.errors import MalformedError
from summit_core.security.context import DEVICE_URI

from summit_fabric.registry.jwt import Request

if TYPE_CHECKING:
    from cryptography import x509

LIST_END: Final = b"-----END X509 CRL-----\n"
log = structlog.get_logger(__name__)


class Shown(NamedTuple):
    """A verified certificate: the devices that it names, its end, and a mark that no other certificate has."""

    devices: frozenset[str]
    ends: datetime
    mark: str


def read_certificate(text: str) -> Shown:
    """Of PEM. Raises :class:`MalformedError`."""
    from cryptography import x509  # noqa: PLC0415  (10 MB, only where TLS is on)

    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    except ValueError as error:
        raise MalformedError(f"not a certificate: {error}") from None
    devices = frozenset(uri.removeprefix(DEVICE_URI) for uri in uris if uri.startswith(DEVICE_URI))
    return Shown(devices, certificate.not_valid_after_utc, _mark(certificate.issuer, certificate.serial_number))


def read_revoked(content: bytes) -> frozenset[str]:
    """The marks on one or more lists, PEM. Raises :class:`MalformedError`."""
    from cryptography import x509  # noqa: PLC0415  (10 MB, only where TLS is on)

    try:
        lists = [x509.load_pem_x509_crl(part + LIST_END) for part in content.split(LIST_END) if part.strip()]
    except ValueError as error:
        raise MalformedError(f"not a list of revoked certificates: {error}") from None
    return frozenset(_mark(one.issuer, entry.serial_number) for one in lists for entry in one)


def _mark(issuer: "x509.Name", serial: int) -> str:
    """A serial number is one's own only at its issuer."""
    return hashlib.sha256(issuer.public_bytes() + serial.to_bytes(20, "big")).hexdigest()[:16]


class Certificates:
    """``demanded``: whether a device must show one. ``revoked``: the file of the list."""

    def __init__(self, *, demanded: bool, revoked: Path | None) -> None:
        self._demanded = demanded
        self._file = revoked
        self._seen: tuple[int, int] | None = None
        self._revoked: frozenset[str] = frozenset()
        self.changed: Callable[[], None] = lambda: None
        """Called when others are revoked than before, and connections must be looked at."""

    def refresh(self) -> None:
        """Read the list where it is another than before; a look at the file costs a few microseconds."""
        if self._file is None:
            return
        try:
            status = self._file.stat()
            if (seen := (status.st_mtime_ns, status.st_ino)) == self._seen:
                return
            found, self._seen = read_revoked(self._file.read_bytes()), seen
        except (OSError, MalformedError) as error:
            log.warning("the list of revoked certificates cannot be read; the last one holds", error=str(error))
            return
        changed, self._revoked = found != self._revoked, found
        if changed:
            log.info("certificates revoked", number=len(found))
            self.changed()

    def judge(self, request: Request) -> Shown | str | None:
        """What it showed, or why that keeps it out; None where it showed nothing and need not."""
        self.refresh()
        chains = request.client_tls.verified_chains or []
        if not chains or not chains[0]:
            return "no_certificate" if self._demanded else None
        try:
            shown = read_certificate(chains[0][0])
        except MalformedError:
            return "certificate"
        if request.connect_opts.user not in shown.devices:
            return "certificate"
        return "certificate_revoked" if shown.mark in self._revoked else shown

    def may_stay(self, mark: str) -> bool:
        """Whether a connection may go on that was let in by the certificate with this mark (empty: by none)."""
        return mark not in self._revoked if mark else not self._demanded
