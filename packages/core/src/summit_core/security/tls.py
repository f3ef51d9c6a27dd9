"""TLS and mutual TLS from the settings of a service: what it shows, what it believes, whom it lets in.

TLS 1.2 is the least, 1.3 is what two of ours agree on. What a client believes is only the authority it was given (the
machine's own list is not asked), and it always compares the name. Where nothing is set, nothing is encrypted: that is
for loopback.
"""

import ssl
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from prometheus_client import Gauge
from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from summit_core.security.context import ClientContext

NOT_AFTER: Final = Gauge(
    "summit_certificate_not_after_seconds", "When a certificate ends, in seconds since 1970", ["name"]
)


class TlsSettings(BaseSettings):
    """``SUMMIT_TLS_…`` of every service. docs/ops/certificates.md says how they are made and renewed."""

    model_config = SettingsConfigDict(env_prefix="SUMMIT_", extra="ignore")

    tls_cert_file: Path | None = Field(default=None, description="its certificate and those that signed it, PEM")
    tls_key_file: Path | None = Field(default=None, description="the key of its certificate, PEM, mode 0600")
    tls_ca_file: Path | None = Field(default=None, description="the authority that it believes servers by, PEM")
    tls_client_ca_file: Path | None = Field(
        default=None, description="the authority that it lets clients in by, where that is another one, PEM"
    )
    tls_crl_file: Path | None = Field(default=None, description="certificates of clients that are revoked, PEM")
    tls_clients: Literal["required", "optional", "off"] = Field(
        default="required",
        description="whether a client must show a certificate; optional: whether one that is shown must hold; "
        "off: none is asked for, for browsers",
    )

    @model_validator(mode="after")
    def _whole(self) -> "TlsSettings":
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("SUMMIT_TLS_CERT_FILE and SUMMIT_TLS_KEY_FILE belong together: set both or none")
        if self.tls_cert_file is not None and self.tls_ca_file is None:
            raise ValueError("SUMMIT_TLS_CA_FILE is missing: name the authority that signed the others' certificates")
        for name in ("tls_cert_file", "tls_key_file", "tls_ca_file", "tls_client_ca_file", "tls_crl_file"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"SUMMIT_{name.upper()}: {path} is not there; `summit certs list` shows what is")
        return self


def client_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """For calls to servers of ours, with our certificate; None where TLS is off."""
    if settings.tls_ca_file is None:
        return None
    return ClientContext.of(settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file)


def server_options(settings: TlsSettings) -> dict[str, Any]:
    """What the HTTP server is told; nothing where TLS is off. It reads the files once, at its start."""
    if settings.tls_cert_file is None:
        return {}
    options: dict[str, Any] = {
        "ssl_cert": settings.tls_cert_file,
        "ssl_key": settings.tls_key_file,
        "ssl_protocol_min": "tls1.2",
    }
    if settings.tls_clients != "off":
        options |= {"ssl_ca": settings.tls_client_ca_file or settings.tls_ca_file}
        options |= {"ssl_client_verify": settings.tls_clients == "required"}
        options |= {"ssl_crl": [settings.tls_crl_file]} if settings.tls_crl_file is not None else {}
    return options


def not_after(certificate: Path) -> datetime:
    """When the first certificate of a PEM file ends. Raises ``ValueError`` for what is none."""
    from cryptography import x509  # noqa: PLC0415  (10 MB, only where TLS is on)

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def watch(service: str, settings: TlsSettings) -> None:
    """Show when the certificates of this service end, as they are on disk at each look of Prometheus."""
    for name, path in ((service, settings.tls_cert_file), ("authority", settings.tls_ca_file)):
        if path is not None:
            NOT_AFTER.labels(name=name).set_function(partial(_end, path))


def _end(path: Path) -> float:
    """0.0, which is long ago, for a file that cannot be read: an alert, not silence."""
    try:
        return not_after(path).timestamp()
    except (OSError, ValueError):
        return datetime.fromtimestamp(0, UTC).timestamp()
