"""Keeps programs running: restarts one that dies, with backoff, and stops all of them together in time."""

import asyncio
import time
from dataclasses import dataclass

from summit_cli.state import StateDir
from summit_cli.supervisor import leftovers, wrapping
from summit_cli.supervisor.leftovers import Started
from summit_cli.supervisor.program import Program, Stage, describe_exit, kill_group, spawn
from summit_cli.supervisor.report import Report

FIRST_DELAY_S, LONGEST_DELAY_S, HEALTHY_AFTER_S = 0.2, 10.0, 30.0
PRODUCERS_KILLED_AT_S, SERVERS_KILLED_AT_S = 3.5, 4.7
"""After the begin of the stop. The whole stop is promised within 5 s."""


@dataclass(slots=True)
class Child:
    """A program and its present process."""

    program: Program
    process: asyncio.subprocess.Process | None = None
    started: Started | None = None
    deaths: int = 0
    loop: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """The children of one installation."""

    def __init__(self, state: StateDir, report: Report) -> None:
        self._state = state
        self._report = report
        self._stopping = asyncio.Event()
        self.children: dict[str, Child] = {}

    def keep(self, program: Program) -> Child:
        """Start it, and start it again whenever it dies."""
        child = self.children[program.name] = Child(program)
        child.loop = asyncio.create_task(self._keep(child), name=f"keep {program.name}")
        return child

    async def run_once(self, program: Program) -> int:
        """Run a step to its end; its exit code. A caller that gives up (cancellation) takes the step with it."""
        process = await spawn(program, self._state.log(program.name))
        try:
            return await process.wait()
        finally:
            kill_group(process.pid)

    async def stop(self) -> None:
        """Scenario, then services, then servers; each asked first and killed when its time is over."""
        self._stopping.set()
        begin = asyncio.get_running_loop().time()
        limits = {
            Stage.SCENARIO: begin + 1.0,
            Stage.SERVICE: begin + PRODUCERS_KILLED_AT_S,
            Stage.SERVER: begin + SERVERS_KILLED_AT_S,
        }
        for stage in Stage:
            children = [child for child in self.children.values() if child.program.stage is stage]
            await asyncio.gather(*(self._end(child, limits[stage]) for child in children))
        await wrapping.finished()
        self._state.processes.unlink(missing_ok=True)

    async def _end(self, child: Child, limit: float) -> None:
        if child.loop is None:
            return
        if child.process is not None and child.running:
            child.process.send_signal(child.program.stop_signal)
            try:
                async with asyncio.timeout_at(limit):
                    await child.process.wait()
            except TimeoutError:
                self._report(f"{child.program.name} did not stop in time and was killed", level="warning")
        if child.process is not None:
            kill_group(child.process.pid)
        await child.loop

    async def _keep(self, child: Child) -> None:
        name, delay = child.program.name, FIRST_DELAY_S
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            began = clock()
            ending = await self._live(child)
            if self._stopping.is_set():
                return
            if child.program.ends and ending == describe_exit(0):
                self._report(f"{name} has finished", program=name)
                return
            child.deaths += 1
            delay = FIRST_DELAY_S if clock() - began >= HEALTHY_AFTER_S else delay
            self._report(
                f"{name} died ({ending}); starting it again in {delay:.1f} s",
                level="warning", program=name, ending=ending, deaths=child.deaths, log=str(self._state.log(name)),
            )  # fmt: skip
            await self._pause(delay)
            delay = min(LONGEST_DELAY_S, delay * 2)

    async def _live(self, child: Child) -> str:
        """One life of a child, from its start to its end; how it ended."""
        program = child.program
        try:
            child.process = await spawn(program, self._state.log(program.name))
        except OSError as error:
            return f"could not start: {error}"
        if self._stopping.is_set():  # asked to stop between the decision to start and the start
            kill_group(child.process.pid)
        child.started = Started(name=program.name, pid=child.process.pid, at=time.time(), argv=program.argv)
        leftovers.write(self._state.processes, [c.started for c in self.children.values() if c.started and c.running])
        code = await child.process.wait()
        kill_group(child.process.pid)
        return describe_exit(code)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
