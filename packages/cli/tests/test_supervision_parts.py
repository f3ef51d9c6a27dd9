"""The small parts of the supervisor, each on its own."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import msgspec
import pytest
from summit_cli import endpoints_file
from summit_cli.embedded import ports, secrets
from summit_cli.endpoints_file import Endpoints
from summit_cli.state import StateDir, write_private
from summit_cli.supervisor import leftovers, program
from summit_cli.supervisor.leftovers import Started
from summit_cli.supervisor.probe import readiness
from summit_cli.supervisor.program import Program, Stage
from summit_cli.supervisor.report import Report
from summit_cli.supervisor.supervisor import Supervisor
from waiting import eventually


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.create()
    return made


def test_secrets_are_made_once_and_differ_between_installations(state: StateDir, tmp_path: Path) -> None:
    other = StateDir(tmp_path / "other")
    other.create()
    assert secrets.load(state) == secrets.load(state)
    assert secrets.load(state) != secrets.load(other)
    assert state.secrets.stat().st_mode & 0o777 == 0o600


def test_secrets_of_an_older_installation_are_completed_once(state: StateDir) -> None:
    made = msgspec.json.decode(msgspec.json.encode(secrets.load(state)), type=dict[str, object])
    del made["nats_issuer"], made["nats_system"]
    write_private(state.secrets, msgspec.json.encode(made))
    completed = secrets.load(state)
    assert completed.nats_service == made["nats_service"]
    assert completed.nats_issuer.public.startswith("A")
    assert secrets.load(state) == completed


def test_lost_secrets_of_an_existing_database_are_named(state: StateDir) -> None:
    (state.postgres / "data").mkdir(parents=True)
    with pytest.raises(click.ClickException, match="restore the file"):
        secrets.load(state)


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_ports_differ_and_prefer_what_was_asked() -> None:
    free = ports.choose({"a": 0})["a"]
    chosen = ports.choose({"a": free, "b": 0, "c": free})
    assert chosen["a"] == free
    assert len(set(chosen.values())) == 3


def test_endpoints_go_to_the_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    made = Endpoints(gateway="http://g", nats="nats://n", postgres="p", services={}, admin_key_file="k", pid=1)
    endpoints_file.write(path, made)
    assert endpoints_file.read(path) == made
    path.write_text("{")
    with pytest.raises(click.ClickException, match="damaged"):
        endpoints_file.read(path)


ENDLESS = "import signal; print(flush=True); signal.pause()"


def sleeper() -> subprocess.Popen[bytes]:
    """One that runs: for a moment after its start the kernel tells nothing of its arguments."""
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def note(process: subprocess.Popen[bytes], *, at: float | None = None, argv: tuple[str, ...] = ()) -> Started:
    real = (sys.executable, "-c", ENDLESS)
    return Started(name="sleeper", pid=process.pid, at=time.time() if at is None else at, argv=argv or real)


def test_leftovers_are_killed_only_when_they_are_the_same_process(state: StateDir) -> None:
    mine, reused, other = sleeper(), sleeper(), sleeper()
    try:
        noted = [note(mine), note(reused, at=time.time() - 3600), note(other, argv=("postgres", "-D", "elsewhere"))]
        leftovers.write(state.processes, noted)
        assert leftovers.clean(state.processes) == ["sleeper"]
        assert mine.wait(5) < 0
        assert reused.poll() is None
        assert other.poll() is None
    finally:
        for process in (mine, reused, other):
            process.kill()
            process.wait()


def test_nothing_is_left_of_a_first_start(state: StateDir) -> None:
    assert leftovers.clean(state.processes) == []


def test_a_long_log_is_put_aside(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MAX_LOG_BYTES", 10)
    log = state.log("x")
    log.write_text("a line that is too long")
    echo = Program(name="x", argv=(sys.executable, "-c", "print('new')"), env=dict(os.environ), stage=Stage.SERVICE)

    async def run() -> None:
        await (await program.spawn(echo, log)).wait()

    asyncio.run(run())
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").read_text() == "a line that is too long"


async def test_a_program_that_cannot_start_is_reported_and_tried_again(state: StateDir) -> None:
    supervisor = Supervisor(state, Report(state.log("supervisor")))
    child = supervisor.keep(Program(name="ghost", argv=("/does/not/exist",), env={}, stage=Stage.SERVICE))
    await eventually(lambda: child.deaths >= 2)
    await supervisor.stop()
    assert "could not start" in state.log("supervisor").read_text()


async def test_readiness_gives_the_reasons() -> None:
    body = b'{"status":"not ready","reasons":{"bus":"away"}}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n" + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await readiness(f"http://127.0.0.1:{port}") == {"bus": "away"}
    assert "does not answer" in (await readiness(f"http://127.0.0.1:{port}"))["http"]
