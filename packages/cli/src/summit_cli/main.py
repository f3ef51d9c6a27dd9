"""The `summit` command. Each subcommand is imported when it is asked for, so that the supervisor stays small."""

from importlib import import_module
from typing import Final

import click
from summit_core.errors import InputError
from summit_core.security.context import TlsFiles

_COMMANDS: Final = (
    "up",
    "down",
    "status",
    "health",
    "key",
    "user",
    "source",
    "device",
    "measure",
    "replay",
    "dlq",
    "locate",
    "track",
    "firms",
    "viewshed",
    "export",
    "bundle",
    "secrets",
    "audit",
    "handover",
    "certs",
)

_SAME: Final = {"source": "device"}
"""Another word for the same group."""


_file = click.Path(exists=True, dir_okay=False)


class _Lazy(click.Group):
    """Knows its commands by name; imports ``summit_cli.commands.<name>`` on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name = _SAME.get(cmd_name, cmd_name)
        command = getattr(import_module(f"summit_cli.commands.{name}"), name)
        return command if isinstance(command, click.Command) else None


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="summit-cli", prog_name="summit")
@click.option("--ca-file", type=_file, envvar="SUMMIT_TLS_CA_FILE", help="Authority that servers are believed by, PEM.")
@click.option("--cert-file", type=_file, envvar="SUMMIT_TLS_CERT_FILE", help="Certificate to show to servers, PEM.")
@click.option("--key-file", type=_file, envvar="SUMMIT_TLS_KEY_FILE", help="The key of that certificate, PEM.")
@click.pass_context
def main(ctx: click.Context, ca_file: str | None, cert_file: str | None, key_file: str | None) -> None:
    """Summit OS: the open operations picture. Begin with `summit up`.

    The certificates of `summit up --tls` are found by themselves; the three options are for others.
    """
    try:
        ctx.obj = TlsFiles.of(ca_file, cert_file, key_file)
    except InputError as error:
        raise click.UsageError(f"--{error.detail.replace('_', '-', 1)}") from None
