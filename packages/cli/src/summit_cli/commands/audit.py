"""`summit audit`: who changed what, and the proof that nobody has changed the record of it."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from summit_cli import endpoints_file, transfer
from summit_cli.commands import options
from summit_cli.gateway import Gateway

_OUTCOMES = ("done", "denied", "refused", "failed", "intended")


@click.group()
def audit() -> None:
    """Read, export and prove the audit."""


@audit.command("list")
@click.option("--since", type=click.DateTime(), help="From this time (UTC) on.")
@click.option("--until", type=click.DateTime(), help="Before this time (UTC).")
@click.option("--principal", help="Id or name of who acted.")
@click.option("--action", help="A part of the action, for example /v1/tasks.")
@click.option("--object", "object_", help="Id of what was acted on.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="`intended`: nobody knows what came of it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--cursor", help="Where the page begins: `next` of the page before.")
@options.state_dir
@options.as_json
def list_(
    since: datetime | None,
    until: datetime | None,
    object_: str | None,
    limit: int,
    state_dir: Path,
    as_json: bool,
    **wanted: str | None,
) -> None:
    """List what was changed or refused, newest first."""
    params = {name: value for name, value in wanted.items() if value} | {"limit": str(limit)}
    if object_:
        params["object"] = object_
    for name, at in (("since", since), ("until", until)):
        if at is not None:
            params[name] = at.replace(tzinfo=UTC).isoformat()
    page = asyncio.run(_get(state_dir, params))
    if as_json:
        click.echo(json.dumps(page))
        return
    for one in page["items"]:
        who = one.get("principal", {}).get("name") or f"nobody, from {one.get('client', '?')}"
        ends = one["outcome"] + (f" {one['status']}" if "status" in one else "")
        times = f" x{one['count']}" if "count" in one else ""
        said = f"  “{one['reason']}”" if "reason" in one else ""
        click.echo(
            f"{one['seq']:>7} {one['at'][:19]} {ends:12} {who}: {one['action']} {one.get('object', '')}{times}{said}"
        )
    if page["next"]:
        click.echo(f"go on with --cursor {page['next']}", err=True)


async def _get(state_dir: Path, params: dict[str, str]) -> Any:
    async with Gateway(endpoints_file.read(state_dir / "endpoints.json")) as gateway:
        return await gateway.get("/v1/audit", **params)


@audit.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default="-", help="File; - is stdout.")
@options.state_dir
@options.as_json
def export(output: Path, state_dir: Path, as_json: bool) -> None:
    """Write the whole audit with its signed head to a file, which is there only when it is whole."""
    endpoints = endpoints_file.read(state_dir / "endpoints.json")
    size = asyncio.run(transfer.download(endpoints, "/v1/audit/export", {}, output))
    if as_json:
        click.echo(json.dumps({"output": str(output), "bytes": size}), err=output == transfer.STDOUT)
    elif output != transfer.STDOUT:
        click.echo(f"{output}: {size} bytes")


@audit.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", help="Public key that must have signed; without it that of this installation, if it is here.")
@click.option(
    "--head", "heads", multiple=True, metavar="SEQ:HASH", help="A head seen earlier, which must be part of it."
)
@options.state_dir
@options.as_json
def verify(file: Path, key: str | None, heads: tuple[str, ...], state_dir: Path, as_json: bool) -> None:
    """Prove the export FILE, offline. Exit code 1, and the first broken record, when it does not hold."""
    from summit_core.audit.chain import Broken
    from summit_core.audit.verify import verify as proven

    known = dict(map(_head, heads))
    key = key or _own_key(state_dir)
    try:
        with file.open("rb") as content:
            found = proven(content, key=key, known=known)
    except Broken as broken:
        told = {"holds": False, "kind": broken.kind, "seq": broken.seq, "line": broken.line, "detail": broken.detail}
        click.echo(json.dumps(told) if as_json else f"BROKEN at record {broken.seq} ({broken.kind}): {broken.detail}")
        sys.exit(1)
    head = found.head
    if as_json:
        told = {"holds": True, "records": found.records, "first": head.first, "seq": head.seq, "hash": head.hash}
        click.echo(json.dumps(told | {"key": found.key, "trusted": found.trusted}))
        return
    click.echo(f"holds: {found.records} records of {head.organisation}, {head.first} to {head.seq}, head {head.hash}")
    if not found.trusted:
        click.echo(f"signed by {found.key}: nobody has compared that key; give it with --key", err=True)


def _head(text: str) -> tuple[int, str]:
    seq, _, hash_ = text.partition(":")
    if not seq.isdecimal() or len(hash_) != 64:
        raise click.BadParameter(f"{text!r} is no head; write SEQ:HASH", param_hint="--head")
    return int(seq), hash_


def _own_key(state_dir: Path) -> str | None:
    """The public key of the installation in this folder."""
    try:
        made = json.loads((state_dir / "secrets.json").read_bytes())
        public = made["audit"]["public"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return public if isinstance(public, str) else None
