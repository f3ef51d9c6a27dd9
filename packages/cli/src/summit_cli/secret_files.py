"""A folder with one file for each secret of a stack of containers, mode 0600: what compose mounts as file secrets.

A secret that is there is never changed by ``make_missing``, so running it again is harmless. What is derived from
another secret (a URL with a password in it) is made anew when that one is rotated.
"""

import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import click
from summit_core.security.nkey import AccountKey

from summit_cli.state import write_private

Known = Mapping[str, str]


@dataclass(frozen=True)
class Hosts:
    """Under which names the containers reach each other."""

    postgres: str = "postgres:5432"
    nats: str = "nats:4222"


def _random(_: Known, __: Hosts) -> str:
    """256 bits, in letters that need no escaping in a URL or a configuration file."""
    return token_urlsafe(32)


def _seed(_: Known, __: Hosts) -> str:
    return AccountKey.new().seed


def _nats_users(known: Known, _: Hosts) -> str:
    """What the broker's configuration includes: its users, and whom it asks about devices."""
    service, system = json.dumps(known["nats_service_password"]), json.dumps(known["nats_system_password"])
    issuer = AccountKey(known["nats_issuer_seed"]).public
    return (
        f'accounts {{ SYS {{ users: [{{ user: "system", password: {system} }}] }} }}\n'
        "system_account: SYS\n"
        "authorization {\n"
        "  timeout: 4\n"
        f'  users: [{{ user: "service", password: {service} }}]\n'
        f'  auth_callout {{ issuer: {issuer}, auth_users: ["service", "system"] }}\n'
        "}\n"
    )


MAKERS: Final[dict[str, Callable[[Known, Hosts], str]]] = {
    "postgres_password": _random,
    "nats_service_password": _random,
    "nats_system_password": _random,
    "nats_issuer_seed": _seed,
    "audit_seed": _seed,
    "service_key": _random,
    "session_secret": _random,
    "grafana_admin_password": _random,
}
DERIVED: Final[dict[str, Callable[[Known, Hosts], str]]] = {
    "database_url": lambda known, hosts: f"postgresql://summit:{known['postgres_password']}@{hosts.postgres}/summit",
    "nats_url": lambda known, hosts: f"nats://service:{known['nats_service_password']}@{hosts.nats}",
    "nats_system_url": lambda known, hosts: f"nats://system:{known['nats_system_password']}@{hosts.nats}",
    "nats_users.conf": _nats_users,
}
OVERLAPPING: Final = frozenset({"service_key", "session_secret"})
"""What the services accept under its old value too, from the file ``<name>_previous``: empty where there is none."""
PREVIOUS: Final = "_previous"
NAMES: Final = (*MAKERS, *DERIVED, *(f"{name}{PREVIOUS}" for name in sorted(OVERLAPPING)))


def make_missing(folder: Path, hosts: Hosts) -> list[str]:
    """The names of those that were made now. Raises ``ClickException`` for a folder that cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        return _fill(folder, hosts)
    except OSError as error:
        raise click.ClickException(f"cannot use {folder} ({error.strerror}); give another --dir") from None


def rotate(folder: Path, name: str, hosts: Hosts) -> None:
    """A new value; the services take the old one too as long as it stands in ``<name>_previous``."""
    path = folder / name
    if name not in OVERLAPPING:
        raise click.ClickException(
            f"{name} cannot be rotated while everything runs; docs/SECRETS_MANAGEMENT.md says how. "
            f"Without downtime: {', '.join(sorted(OVERLAPPING))}"
        )
    if not path.exists():
        raise click.ClickException(f"{path} does not exist; make it with `summit secrets init`")
    write_private(folder / f"{name}{PREVIOUS}", path.read_bytes())
    write_private(path, MAKERS[name]({}, hosts).encode())


def end_overlap(folder: Path, name: str) -> None:
    """Forget the old value: whoever still has it is refused after the next start."""
    if name not in OVERLAPPING:
        raise click.ClickException(f"{name} has no overlap; those that have: {', '.join(sorted(OVERLAPPING))}")
    write_private(folder / f"{name}{PREVIOUS}", b"")


def open_to_others(folder: Path) -> list[str]:
    """The files that somebody else may read or write."""
    return [path.name for path in sorted(folder.iterdir()) if path.is_file() and _is_open(path)]


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _fill(folder: Path, hosts: Hosts) -> list[str]:
    known, made = {}, []
    for name, make in (MAKERS | DERIVED).items():
        path = folder / name
        if path.exists():
            path.chmod(0o600)  # copied by hand, perhaps
            known[name] = path.read_text(encoding="utf-8").strip()
        else:
            known[name] = make(known, hosts)
            write_private(path, known[name].encode())
            made.append(name)
    for name in sorted(OVERLAPPING):
        if not (folder / f"{name}{PREVIOUS}").exists():
            write_private(folder / f"{name}{PREVIOUS}", b"")
    return made
