"""`summit secrets`: the secret files of a stack of containers. No value is ever printed."""

import json
from pathlib import Path

import click

from summit_cli import secret_files
from summit_cli.commands import options
from summit_cli.secret_files import Hosts

_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="infra/docker/secrets",
    show_default=True,
    envvar="SUMMIT_SECRETS_DIR",
    help="Folder with one file for each secret.",
)


@click.group()
def secrets() -> None:
    """Make, check and rotate the secrets of a stack of containers (docs/SECRETS_MANAGEMENT.md)."""


@secrets.command()
@_folder
@click.option("--postgres", default=Hosts.postgres, show_default=True, help="HOST:PORT of PostgreSQL.")
@click.option("--nats", default=Hosts.nats, show_default=True, help="HOST:PORT of NATS.")
@options.as_json
def init(folder: Path, postgres: str, nats: str, as_json: bool) -> None:
    """Make every secret that is missing, readable by you alone. What is there stays as it is."""
    made = secret_files.make_missing(folder, Hosts(postgres, nats))
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "made": made}))
    else:
        click.echo(f"{folder}: made {', '.join(made) or 'nothing, all are there'}")


@secrets.command()
@_folder
@options.as_json
def check(folder: Path, as_json: bool) -> None:
    """Exit 1 when a secret is missing, empty, or readable by others."""
    missing = [name for name in secret_files.NAMES if not (folder / name).is_file()]
    optional = {f"{name}{secret_files.PREVIOUS}" for name in secret_files.OVERLAPPING}
    empty = [
        name for name in secret_files.NAMES if name not in {*missing, *optional} and not (folder / name).stat().st_size
    ]
    exposed = secret_files.open_to_others(folder) if folder.is_dir() else []
    problems = {"missing": missing, "empty": empty, "readable by others": exposed}
    if as_json:
        click.echo(json.dumps(problems))
    elif any(problems.values()):
        for what, names in problems.items():
            if names:
                click.echo(f"{what}: {', '.join(names)}")
        click.echo(f"mend it with: summit secrets init --dir {folder}")
    else:
        click.echo(f"{folder}: all secrets are there and yours alone")
    raise SystemExit(1 if any(problems.values()) else 0)


@secrets.command()
@click.argument("name")
@_folder
@click.option("--end", is_flag=True, help="End the overlap: the old value is refused after the next start.")
@options.as_json
def rotate(name: str, folder: Path, end: bool, as_json: bool) -> None:
    """Give the secret NAME a new value; the old one holds too until `--end`.

    Then start the services anew, the gateway last: nobody is refused in between.
    """
    if end:
        secret_files.end_overlap(folder, name)
    else:
        secret_files.rotate(folder, name, Hosts())
    if as_json:
        click.echo(json.dumps({"secret": name, "overlap": not end}))
    elif end:
        click.echo(f"{name}: the old value is gone; start the services anew, the gateway last")
    else:
        click.echo(
            f"{name}: new value written, the old one holds too. Start the services anew, the gateway last, "
            f"then: summit secrets rotate {name} --end --dir {folder}"
        )
