"""Options that several commands share."""

from pathlib import Path

import click

DEFAULT_STATE_DIR = ".summit"

state_dir = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE_DIR,
    show_default=True,
    envvar="SUMMIT_STATE_DIR",
    help="Folder with the data, the secrets and the logs of one installation.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text for a person.")
