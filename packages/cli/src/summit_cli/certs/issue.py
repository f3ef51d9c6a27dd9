"""Makes keys, certificates and revocation lists. Pure: the clock and the files are the caller's.

Keys are EC P-256: NATS, PostgreSQL, OpenSSL and rustls take them, which cannot be said of Ed25519 in certificates.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from summit_core.security.context import DEVICE_URI

from summit_cli.certs.names import subject

ROOT_LIFE: Final = timedelta(days=5 * 365)
ISSUER_LIFE: Final = timedelta(days=2 * 365)
LEAF_LIFE: Final = timedelta(days=30)
BACKDATED: Final = timedelta(minutes=5)
"""So that a machine whose clock is a little behind accepts a fresh certificate."""
PrivateKey = ec.EllipticCurvePrivateKey


class Kind(StrEnum):
    """Whose certificate it is. A server's is also shown to other servers, for mutual TLS."""

    SERVER = "server"
    CLIENT = "client"
    DEVICE = "device"


USAGES: Final = {
    Kind.SERVER: (Usage.SERVER_AUTH, Usage.CLIENT_AUTH),
    Kind.CLIENT: (Usage.CLIENT_AUTH,),
    Kind.DEVICE: (Usage.CLIENT_AUTH,),
}


def new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def root(key: PrivateKey, constraints: x509.NameConstraints, now: datetime) -> x509.Certificate:
    """What everybody believes; it signs two issuing authorities and then may be taken off the machine."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Summit OS root")])
    built = _authority(name, key, now, ROOT_LIFE, path_length=1).add_extension(constraints, critical=True)
    return built.issuer_name(name).sign(key, hashes.SHA256())


def issuer(
    title: str,
    key: PrivateKey,
    by: tuple[x509.Certificate, PrivateKey],
    *,
    usages: Sequence[x509.ObjectIdentifier],
    constraints: x509.NameConstraints | None,
    now: datetime,
) -> x509.Certificate:
    """An authority below the root that can sign nothing but ends, only for these usages."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, title)])
    built = _authority(name, key, now, ISSUER_LIFE, path_length=0).issuer_name(by[0].subject)
    built = built.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if constraints is not None:
        built = built.add_extension(constraints, critical=True)
    return _signed(built, by)


def leaf(
    name: str,
    kind: Kind,
    names: Iterable[x509.GeneralName],
    key: PrivateKey,
    by: tuple[x509.Certificate, PrivateKey],
    *,
    now: datetime,
    life: timedelta = LEAF_LIFE,
) -> x509.Certificate:
    """A certificate of a service, a person's program or a device, which holds no longer than the authority's own."""
    alternatives = [*names, *([x509.UniformResourceIdentifier(DEVICE_URI + name)] if kind is Kind.DEVICE else [])]
    end = min(now + life, by[0].not_valid_after_utc)
    built = _named(subject(name), key, now - BACKDATED, end).issuer_name(by[0].subject)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(_key_usage(signs_others=False), critical=True)
    built = built.add_extension(x509.ExtendedKeyUsage(USAGES[kind]), critical=False)
    if alternatives:
        built = built.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return _signed(built, by)


def revocations(
    by: tuple[x509.Certificate, PrivateKey], revoked: Iterable[tuple[int, datetime]], now: datetime
) -> x509.CertificateRevocationList:
    """Serial numbers and when they were revoked. The list holds as long as the authority."""
    built = x509.CertificateRevocationListBuilder().issuer_name(by[0].subject)
    built = built.last_update(now - BACKDATED).next_update(by[0].not_valid_after_utc)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by[1].public_key())
    built = built.add_extension(identifier, critical=False)
    built = built.add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        built = built.add_revoked_certificate(entry)
    return built.sign(by[1], hashes.SHA256())


def _authority(
    name: x509.Name, key: PrivateKey, now: datetime, life: timedelta, *, path_length: int
) -> x509.CertificateBuilder:
    built = _named(name, key, now - BACKDATED, now + life)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return built.add_extension(_key_usage(signs_others=True), critical=True)


def _named(name: x509.Name, key: PrivateKey, begin: datetime, end: datetime) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
    return built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _signed(built: x509.CertificateBuilder, by: tuple[x509.Certificate, PrivateKey]) -> x509.Certificate:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by[1].public_key())
    return built.add_extension(identifier, critical=False).sign(by[1], hashes.SHA256())


def _key_usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
