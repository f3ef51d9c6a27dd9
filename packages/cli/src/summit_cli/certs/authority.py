"""The folder of an authority: its own keys, what it has signed, what it has revoked.

``root.pem`` is what clients believe servers by; ``services.pem`` and ``devices.pem`` are what servers let in by: a
device's certificate is not let in where services meet. ``issued/<name>.pem`` (with its chain) and ``.key`` belong to
one service or device. Keys are readable by their owner only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from summit_cli.certs import issue
from summit_cli.certs.folder import Folder
from summit_cli.certs.issue import LEAF_LIFE, Kind, PrivateKey
from summit_cli.certs.names import allows, alternative, permitted, text
from summit_cli.state import write_private

SERVICES: Final = "services"
DEVICES: Final = "devices"
ISSUERS: Final = {Kind.SERVER: SERVICES, Kind.CLIENT: SERVICES, Kind.DEVICE: DEVICES}
PERMITTED: Final = ("localhost", "summit.internal", "127.0.0.0/8", "::1/128", "api-gateway", "fabric", "fusion",
                    "intelligence", "tasking", "nats", "postgres", "console", "prometheus", "grafana")  # fmt: skip


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One certificate that was signed. The last of a name is the one in its file."""

    name: str
    kind: Kind
    serial: str
    names: list[str]
    begins: datetime
    ends: datetime
    revoked: datetime | None = None

    @property
    def due(self) -> datetime:
        """From then on it should be renewed: a third of its life is left."""
        return self.ends - (self.ends - self.begins) / 3


@dataclass(frozen=True, slots=True)
class Authority(Folder):
    """Open it with :meth:`open`, make it with :meth:`create`."""

    @classmethod
    def create(cls, folder: Path, permit: Iterable[str], now: datetime) -> "Authority":
        """A root and two authorities below it. Raises ``ClickException`` where there is one already."""
        if (folder / "root.pem").exists():
            raise click.ClickException(f"{folder} holds an authority already; give another --dir")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "issued").mkdir(mode=0o700, exist_ok=True)
        made, constraints, key = cls(folder), permitted([*PERMITTED, *permit]), issue.new_key()
        top = issue.root(key, constraints, now), key
        for name in (SERVICES, DEVICES):
            own, kind = issue.new_key(), Kind.SERVER if name == SERVICES else Kind.DEVICE
            limits = constraints if name == SERVICES else None  # a device's id is no host name
            certificate = issue.issuer(
                f"Summit OS {name}", own, top, usages=issue.USAGES[kind], constraints=limits, now=now
            )
            made._write(name, own, certificate)
        made._write_index([], now)
        made._write("root", key, top[0])  # last: it says that all is there
        return made

    @classmethod
    def open(cls, folder: Path) -> "Authority":
        if not (folder / "root.pem").is_file():
            raise click.ClickException(f"{folder} holds no authority; make one with: summit certs init --dir {folder}")
        return cls(folder)

    @property
    def services(self) -> Path:
        return self.folder / "services.pem"

    @property
    def devices(self) -> Path:
        return self.folder / "devices.pem"

    @property
    def revoked(self) -> Path:
        return self.folder / "revoked.pem"

    def records(self) -> list[Record]:
        """All that were signed, in that order."""
        return msgspec.json.decode((self.folder / "index.json").read_bytes(), type=list[Record])

    def current(self) -> dict[str, Record]:
        """The present certificate of each name."""
        return {record.name: record for record in self.records()}

    def issue(
        self, name: str, kind: Kind, names: Iterable[str], now: datetime, *, life: timedelta = LEAF_LIFE
    ) -> Record:
        """A new key and certificate. Raises ``ClickException`` where the name is taken or the authority may not sign
        for one of ``names``."""
        present = self.current().get(name)
        if present is not None and present.revoked is None:
            raise click.ClickException(f"{name} has a certificate; renew it with: summit certs renew {name}")
        return self._sign(name, kind, list(names), issue.new_key(), now, life)

    def renew(self, name: str, now: datetime, *, new_key: bool = False) -> Record:
        """The next certificate of this name, for the same key unless ``new_key``; the old one holds to its end."""
        present = self._present(name)
        if present.revoked is not None:
            raise click.ClickException(f"{name} is revoked; issue it anew with: summit certs issue {name}")
        key = issue.new_key() if new_key else _key(self.key(name))
        return self._sign(name, present.kind, present.names, key, now, present.ends - present.begins)

    def revoke(self, name: str, now: datetime) -> list[Record]:
        """Every certificate of this name that still holds goes onto the list of the revoked."""
        self._present(name)
        records, gone = [], []
        for record in self.records():
            if record.name == name and record.revoked is None and record.ends > now:
                record = msgspec.structs.replace(record, revoked=now)
                gone.append(record)
            records.append(record)
        self._write_index(records, now)
        return gone

    def _present(self, name: str) -> Record:
        present = self.current().get(name)
        if present is None:
            raise click.ClickException(f"no certificate of {name!r}; `summit certs list` shows what is there")
        return present

    def _sign(self, name: str, kind: Kind, names: list[str], key: PrivateKey, now: datetime, life: timedelta) -> Record:
        by = self._issuer(ISSUERS[kind])
        wanted = [alternative(one) for one in names]
        if kind is not Kind.DEVICE:
            limits = by[0].extensions.get_extension_for_class(x509.NameConstraints).value
            outside = [text(one) for one in wanted if not allows(limits, one)]
            if outside:
                raise click.ClickException(
                    f"this authority may not sign for {', '.join(outside)}; make one with `summit certs init --permit`"
                )
        signed = issue.leaf(name, kind, wanted, key, by, now=now, life=life)
        write_private(self.key(name), issue.key_pem(key))
        _write_public(self.certificate(name), issue.pem(signed, by[0]))
        record = Record(
            name=name,
            kind=kind,
            serial=f"{signed.serial_number:x}",
            names=names,
            begins=now,
            ends=signed.not_valid_after_utc,
        )
        self._write_index([*self.records(), record], now)
        return record

    def _issuer(self, name: str) -> tuple[x509.Certificate, PrivateKey]:
        certificate = x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())
        return certificate, _key(self.folder / f"{name}.key")

    def _write(self, name: str, key: PrivateKey, certificate: x509.Certificate) -> None:
        write_private(self.folder / f"{name}.key", issue.key_pem(key))
        _write_public(self.folder / f"{name}.pem", issue.pem(certificate))

    def _write_index(self, records: list[Record], now: datetime) -> None:
        """The index, and the lists of the revoked: both, in one file."""
        lists = b""
        for issuer in (SERVICES, DEVICES):
            gone = [
                (int(record.serial, 16), record.revoked)
                for record in records
                if record.revoked is not None and ISSUERS[record.kind] == issuer
            ]
            made = issue.revocations(self._issuer(issuer), gone, now)
            lists += made.public_bytes(serialization.Encoding.PEM)
        _write_public(self.folder / "revoked-devices.pem", made.public_bytes(serialization.Encoding.PEM))
        _write_public(self.revoked, lists)
        write_private(self.folder / "index.json", msgspec.json.format(msgspec.json.encode(records), indent=1))


def now() -> datetime:
    """To the second, as certificates say it."""
    return datetime.now(UTC).replace(microsecond=0)


def _write_public(path: Path, content: bytes) -> None:
    """As whole as a private one, but whoever may enter the folder may read it: there is no secret in it."""
    write_private(path, content)
    path.chmod(0o644)


def _key(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise click.ClickException(f"{path} is not here; signing needs it") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise click.ClickException(f"{path} is no EC key")
    return key
