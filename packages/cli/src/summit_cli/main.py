"""The `summit` command. Each subcommand is imported when it is asked for, so that the supervisor stays small."""

from importlib import import_module
from typing import Final

import click

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
def main() -> None:
    """Summit OS: the open operations picture. Begin with `summit up`."""
