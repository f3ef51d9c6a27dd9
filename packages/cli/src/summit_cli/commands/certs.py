"""`summit certs`: a small certificate authority. Keys are written to files and never printed."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from summit_cli.certs.authority import Authority, Record, now
from summit_cli.certs.issue import LEAF_LIFE, Kind
from summit_cli.commands import options

_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".summit/certs",
    show_default=True,
    envvar="SUMMIT_CERTS_DIR",
    help="Folder of the authority.",
)


@click.group()
def certs() -> None:
    """Certificates for services and devices (docs/ops/certificates.md)."""


@certs.command()
@_folder
@click.option("--permit", multiple=True, help="A domain, host, address or network that it may sign for as well.")
@options.as_json
def init(folder: Path, permit: tuple[str, ...], as_json: bool) -> None:
    """Make a root, and below it one authority for services and one for devices."""
    made = Authority.create(folder, permit, now())
    if as_json:
        click.echo(json.dumps({"root": str(made.root), "services": str(made.services), "devices": str(made.devices)}))
    else:
        click.echo(f"made {made.root}; keep {folder / 'root.key'} elsewhere: nothing needs it until the issuers end")


@certs.command("issue")
@click.argument("name")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), required=True, help="Whose it is.")
@click.option("--san", "names", multiple=True, help="A host or address that it holds for; of a server at least one.")
@click.option("--days", type=click.IntRange(1, 397), default=LEAF_LIFE.days, show_default=True, help="How long.")
@_folder
@options.as_json
def issue_(name: str, kind: str, names: tuple[str, ...], days: int, folder: Path, as_json: bool) -> None:
    """Make a key and a certificate for NAME: a service, a person's program, or the id of a registered device."""
    if kind == Kind.SERVER and not names:
        raise click.UsageError("a server needs --san: the host or address by which clients reach it")
    if kind == Kind.DEVICE and names:
        raise click.UsageError("a device has no --san: it is known by its id")
    authority = Authority.open(folder)
    _say(authority, authority.issue(name, Kind(kind), names, now(), life=timedelta(days=days)), as_json)


@certs.command()
@click.argument("names", nargs=-1)
@click.option("--new-key", is_flag=True, help="With a new key: the server must then be started anew.")
@click.option("--all", "everything", is_flag=True, help="Also those that need not be renewed yet.")
@_folder
@options.as_json
def renew(names: tuple[str, ...], new_key: bool, everything: bool, folder: Path, as_json: bool) -> None:
    """Renew NAMES, or all that have less than a third of their life left. The old ones hold to their end."""
    authority, at = Authority.open(folder), now()
    present = {name: record for name, record in authority.current().items() if record.revoked is None}
    chosen = names or [name for name, record in present.items() if everything or record.due <= at]
    made = [authority.renew(name, at, new_key=new_key) for name in chosen]
    if as_json:
        click.echo(json.dumps([_shown(record, at) for record in made]))
        return
    for record in made:
        click.echo(f"renewed {record.name} until {record.ends:%Y-%m-%d}")
    click.echo("now reload NATS and start the services anew, one by one" if made else "nothing is due")


@certs.command()
@click.argument("name")
@_folder
@options.as_json
def revoke(name: str, folder: Path, as_json: bool) -> None:
    """Revoke every certificate of NAME that still holds; the list is revoked.pem."""
    authority = Authority.open(folder)
    gone = authority.revoke(name, now())
    if as_json:
        click.echo(json.dumps({"name": name, "serials": [record.serial for record in gone]}))
    else:
        click.echo(f"revoked {len(gone)} of {name}; start the services anew, so that they read {authority.revoked}")


@certs.command("list")
@_folder
@options.as_json
def list_(folder: Path, as_json: bool) -> None:
    """The present certificate of each name, with the days that are left. Exit code 1 when one has ended."""
    at = now()
    records = list(Authority.open(folder).current().values())
    if as_json:
        click.echo(json.dumps([_shown(record, at) for record in records]))
    else:
        for record in records:
            state = "revoked" if record.revoked else "renew it" if record.due <= at else ""
            click.echo(
                f"{record.name:24} {record.kind:7} {record.ends:%Y-%m-%d} {(record.ends - at).days:4} days"
                f"  {', '.join(record.names)}  {state}".rstrip()
            )
    raise SystemExit(1 if any(record.ends <= at and record.revoked is None for record in records) else 0)


@certs.command()
@click.argument("name")
@_folder
@options.as_json
def show(name: str, folder: Path, as_json: bool) -> None:
    """Every certificate of NAME, the oldest first, and where its files are."""
    authority = Authority.open(folder)
    records = [record for record in authority.records() if record.name == name]
    if not records:
        raise click.ClickException(f"no certificate of {name!r}; `summit certs list` shows what is there")
    if as_json:
        click.echo(json.dumps([_shown(record, now()) for record in records]))
        return
    for record in records:
        revoked = f", revoked {record.revoked:%Y-%m-%d %H:%M}" if record.revoked else ""
        click.echo(f"{record.serial}  {record.begins:%Y-%m-%d} to {record.ends:%Y-%m-%d}{revoked}")
    click.echo(f"{authority.certificate(name)}\n{authority.key(name)}")


def _say(authority: Authority, record: Record, as_json: bool) -> None:
    files = {"certificate": str(authority.certificate(record.name)), "key": str(authority.key(record.name))}
    if as_json:
        click.echo(json.dumps(_shown(record, now()) | files))
    else:
        click.echo(f"{record.name} until {record.ends:%Y-%m-%d}: {files['certificate']}, {files['key']}")


def _shown(record: Record, at: datetime) -> dict[str, Any]:
    ends = record.ends.isoformat().replace("+00:00", "Z")
    revoked = record.revoked is not None
    return {
        "name": record.name, "kind": record.kind, "serial": record.serial, "names": record.names, "not_after": ends,
        "days_left": (record.ends - at).days, "due": record.due <= at and not revoked, "revoked": revoked,
    }  # fmt: skip
