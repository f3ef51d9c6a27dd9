"""What a program shows and believes when it calls a server by TLS. Light, because the supervisor has it too."""

import ssl
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from summit_core.errors import InputError

DEVICE_URI: Final = "urn:summit:device:"
"""With a device's id behind it the name in the certificate of that device, and in no other."""


class ClientContext(ssl.SSLContext):
    """A client's: it believes ``authority`` alone, compares the name, and shows ``certificate``.

    Before each handshake it looks whether the files were renewed, so that a program need not be started anew;
    connections that are open stay as they are. An authority that was taken out of its file is believed until the end
    of the program.
    """

    _files: tuple[Path, Path | None, Path | None]
    _seen: tuple[int, ...]

    @classmethod
    def of(cls, authority: Path, certificate: Path | None = None, key: Path | None = None) -> "ClientContext":
        """Raises ``OSError`` (``ssl.SSLError`` among them) for files that are no good."""
        made = cls(ssl.PROTOCOL_TLS_CLIENT)  # which compares names and demands a certificate
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made._files = (authority, certificate, key)
        made._read()
        return made

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        if self._seen != self._times():
            self._read()
        return super().wrap_bio(*arguments, **named)

    def _read(self) -> None:
        seen = self._times()
        authority, certificate, key = self._files
        self.load_verify_locations(authority)
        if certificate is not None:
            self.load_cert_chain(certificate, key)
        self._seen = seen

    def _times(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._files if path is not None)


class TlsFiles(Struct, frozen=True, kw_only=True):
    """The paths that a program is told: the authority, and where it has one its own certificate."""

    ca: str
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of(
        cls,
        ca_file: str | Path | None,
        cert_file: str | Path | None,
        key_file: str | Path | None,
        known: "TlsFiles | None" = None,
    ) -> "TlsFiles | None":
        """What is given, in place of what is ``known``. Raises :class:`InputError` that names what is missing."""
        if (cert_file is None) != (key_file is None):
            lacks = "key_file" if key_file is None else "cert_file"
            raise InputError(f"{lacks} is missing: a certificate and its key belong together", field=lacks)
        if ca_file is None and cert_file is None:
            return known
        ca = ca_file or (known and known.ca)
        if ca is None:
            raise InputError("ca_file is missing: name the authority that signed the server's", field="ca_file")
        if cert_file is not None:
            return cls(ca=str(ca), certificate=str(cert_file), key=str(key_file))
        return cls(ca=str(ca)) if known is None else cls(ca=str(ca), certificate=known.certificate, key=known.key)

    def context(self) -> ssl.SSLContext:
        """Raises ``OSError`` for files that are not there or no good."""
        own = [None if path is None else Path(path) for path in (self.certificate, self.key)]
        return ClientContext.of(Path(self.ca), *own)
