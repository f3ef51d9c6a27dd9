"""The state folder of one installation: where everything lies, who may read it, who holds it."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class StateDir:
    """All paths below the folder given by ``--state-dir``."""

    path: Path

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def admin_key(self) -> Path:
        return self.path / "admin.key"

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def certs(self) -> Path:
        return self.path / "certs"

    @property
    def checkpoints(self) -> Path:
        return self.path / "fusion"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """The folder may be passed through (PostgreSQL runs as another user under root) but not listed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
            for folder in (self.logs, self.nats):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"cannot use {self.path} ({error.strerror}); give another --state-dir") from None

    def lock(self) -> int:
        """Take the folder for this process until it ends; a second ``summit up`` on it is told so."""
        holder = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(holder, 20).decode().strip() or "unknown"
            os.close(holder)
            raise click.ClickException(
                f"{self.path} is in use by another `summit up` (pid {pid}); "
                f"stop it with `summit down --state-dir {self.path}` or give another --state-dir"
            ) from None
        os.truncate(holder, 0)
        os.pwrite(holder, str(os.getpid()).encode(), 0)
        return holder

    def holder(self) -> int | None:
        """The process id of the running supervisor, or None when none holds the folder."""
        try:
            handle = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(handle, 20) or 0) or None
        finally:
            os.close(handle)
        return None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by its owner only; never half written, not even by a crash."""
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
