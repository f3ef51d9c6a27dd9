"""`summit track`: detections to tracks, offline."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import click

from summit_cli.commands import options

if TYPE_CHECKING:
    from summit_fusion.jipda import Estimate

    from summit_cli.assumptions import Assumptions
    from summit_cli.detections import Detection, Scenario

T = TypeVar("T")
SHOWN_EVERY_S = 1.0
NEAR_ZERO_S = 3600.0
LONGEST_S = 14 * 86_400.0
MOST_KEPT = 500_000
"""Rows of pictures that wait for what comes afterwards: 100 MB."""
PRESETS = ("auto", "default", "aircraft", "vehicle", "vessel", "harbour")


@dataclass(slots=True)
class Tally:
    """``cpu_s`` and ``scan_ms`` are the tracker's alone, without reading, writing and start-up."""

    detections: int = 0
    rejected: int = 0
    cpu_s: float = 0.0
    scan_ms: list[float] = field(default_factory=list)
    tracks: set[int] = field(default_factory=set)
    too_late: int | None = None
    settings: str = ""

    def clock(self, work: Callable[[], object]) -> None:
        """Do it and add what it took as one scan."""
        self.spend(partial(self.note, work))

    def note(self, work: Callable[[], object]) -> None:
        """Do a scan that is part of what is spent, and add how long it took."""
        began = time.perf_counter()
        work()
        self.scan_ms.append(1000.0 * (time.perf_counter() - began))

    def spend(self, work: Callable[[], T]) -> T:
        """Do it and add what it took, of no scan."""
        cpu = time.process_time()
        made = work()
        self.cpu_s += time.process_time() - cpu
        return made

    def as_dict(self) -> dict[str, int | float | str | None]:
        ordered = sorted(self.scan_ms)
        return {
            "detections": self.detections,
            "rejected": self.rejected,
            "tracker_cpu_s": round(self.cpu_s, 6),
            "scan_ms_p50": round(ordered[len(ordered) // 2], 4) if ordered else None,
            "scan_ms_p99": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 4) if ordered else None,
            "tracks": len(self.tracks),
            "settings": self.settings,
        } | ({} if self.too_late is None else {"too_late": self.too_late})


@click.command()
@click.option("--input", "source", type=click.Path(exists=True, dir_okay=False, allow_dash=True), required=True)
@click.option("--output", "target", type=click.Path(dir_okay=False, allow_dash=True), required=True)
@click.option(
    "--meta",
    type=click.Path(exists=True, dir_okay=False),
    help='JSON: {"dur", "sensors": [{"name", "pd", "clutter_density"}]}. Without it the clutter is guessed.',
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="auto",
    show_default=True,
    help="What is assumed of the targets. auto: aircraft, vehicle or vessel where the traffic is sparse, has no false "
    "detections and moves like them, and each target reports itself; else default. harbour: boats by radar and lidar.",
)
@click.option("--online", is_flag=True, help="Take detections as they arrived (t_rx): late ones correct what was.")
@click.option(
    "--smooth/--no-smooth",
    default=None,
    help="Show in each picture what all of the recording tells, what came afterwards as well; or nothing of that. "
    "Without either, and not online: all of it where targets report themselves (settings other than default and "
    "harbour), else where targets come near each other: who was who, and where, is then told by the seconds "
    "afterwards.",
)
@options.as_json
def track(
    source: str, target: str, meta: str | None, preset: str, online: bool, smooth: bool | None, as_json: bool
) -> None:
    """Track what several sensors detected: a detection a line in, the picture of each second out; - is stdin or stdout.

    \b
    in:  {"id", "t", "sensor", "x", "y", "cov": [xx, xy, yy]}     seconds, metres east and north, square metres
    out: {"t", "tracks": [[id, x, y, vx, vy, [xx, xy, yy, xu, yv, uu, uv, vv, xv, yu]], …]}   at t = 0.5, 1.5, …

    Detections are taken in the order of their time, however they are ordered in the file. A line that cannot be read is
    named on stderr and costs no other line; the exit code is then 1. The last line on stdout is JSON: detections,
    rejected, tracker_cpu_s (without reading and start-up), scan_ms_p50, scan_ms_p99, the number of tracks, settings.

    With --online they are taken in the order of "t_rx" and each picture knows only what had arrived by then; "id" must
    tell them apart. Those more than 3.3 s behind the last scan move nothing: the last line counts them as too_late.
    What is late is taken in by some hundred detections at a time; each such part counts as a scan.
    """
    if "-" not in (source, target) and Path(target).exists() and Path(source).samefile(target):
        raise click.UsageError("--input and --output are the same file; choose another output")
    if online and smooth:
        raise click.UsageError("--online shows what was known by then, --smooth what came afterwards; choose one")
    tally = Tally()
    scenario = _scenario(meta)
    with click.open_file(source, "rb") as lines:
        found = _read(lines, tally)
    assumed = _assume(preset, found, scenario, tally)
    if smooth is None and assumed.every_s is not None:
        smooth = not online
    work = _track_online if online else _track_whole if smooth else partial(_track_all, hindsight=smooth is None)
    try:
        with click.open_file(target, "wb") as out:
            work(found, scenario, assumed, out, tally)
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error}") from None
    summary = tally.as_dict()
    if not as_json and target != "-":
        click.echo(", ".join(f"{name} {value}" for name, value in summary.items()), err=True)
    if target != "-" or as_json:
        click.echo(json.dumps(summary))
    sys.exit(1 if tally.rejected else 0)


def _scenario(meta: str | None) -> "Scenario":
    from summit_core import wire
    from summit_core.errors import InputError

    from summit_cli.detections import Scenario

    if meta is None:
        return Scenario()
    try:
        return wire.decode(Path(meta).read_bytes(), Scenario)
    except InputError as error:
        raise click.ClickException(f"{meta}: {error.detail}") from None


def _assume(preset: str, found: "list[Detection]", scenario: "Scenario", tally: Tally) -> "Assumptions":
    from summit_cli.assumptions import assume

    assumed = assume(preset, found, scenario)
    every = sorted((assumed.every_s or {}).items())
    tally.settings = " ".join([assumed.name, *(f"{name or 'sensor'}:{every_s:.3g}s" for name, every_s in every)])
    return assumed


def _period(found: "list[Detection]", scenario: "Scenario") -> tuple[float, float]:
    """When the pictures begin and end. Times that do not begin near 0 are of a clock: pictures begin with the data."""
    first = min((one.t for one in found), default=0.0)
    begin = 0.0 if abs(first) < NEAR_ZERO_S else math.floor(first)
    return begin, max((one.t for one in found), default=0.0) if scenario.dur is None else begin + scenario.dur


def _without_strays(found: "list[Detection]", tally: Tally) -> "list[Detection]":
    """Without times that are no part of the recording: one of them would make a picture a second until then."""
    if not found:
        return found
    middle = sorted(one.t for one in found)[len(found) // 2]
    near = [one for one in found if abs(one.t - middle) <= LONGEST_S / 2]
    for one in (one for one in found if not abs(one.t - middle) <= LONGEST_S / 2):
        tally.rejected += 1
        days = LONGEST_S / 86_400
        click.echo(
            f"id {one.id}: t is {one.t:g} s, half of the others are before or after {middle:g} s; "
            f"correct it, or cut a recording of more than {days:g} days",
            err=True,
        )
    return near


def _read(lines: IO[bytes], tally: Tally) -> "list[Detection]":
    from summit_core.errors import InputError

    from summit_cli.detections import read

    found = []
    for number, one in read(lines):
        if isinstance(one, InputError):
            tally.rejected += 1
            click.echo(f"line {number}: {one.detail}", err=True)
        else:
            found.append(one)
    return _without_strays(found, tally)


def _track_all(
    found: "list[Detection]",
    scenario: "Scenario",
    assumed: "Assumptions",
    out: IO[bytes],
    tally: Tally,
    hindsight: bool,
) -> None:
    from rich.console import Console
    from rich.progress import Progress
    from summit_fusion.jipda import JipdaTracker
    from summit_fusion.jipda.hindsight import Hindsight
    from summit_fusion.jipda.warm import warm
    from summit_fusion.jipda.warm_hindsight import warm_hindsight

    from summit_cli.detections import line_of, scans
    from summit_cli.reports import reports

    warm()
    if hindsight:
        warm_hindsight()
    begin, end = _period(found, scenario)
    tracker, shown_at = JipdaTracker(assumed.settings), begin + 0.5
    afterwards = Hindsight(tracker) if hindsight else None
    console = Console(stderr=True)

    def show(estimates: "list[Estimate]") -> None:
        for estimate in estimates:
            tally.tracks.update(estimate.id.tolist())
            out.write(line_of(estimate))

    def amend(room: int) -> None:
        if afterwards is not None and afterwards.rows > room:
            tally.spend(lambda: amended.extend(afterwards.amended()))
            show(amended)
            amended.clear()

    amended: list[Estimate] = []
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("seconds tracked", total=end)
        every_s = assumed.every_s
        for scan, refused in scans(found, scenario) if every_s is None else reports(found, scenario, every_s):
            while shown_at < min(scan.time, end):
                show([tracker.estimate(shown_at)]) if afterwards is None else afterwards.show(shown_at)
                shown_at += SHOWN_EVERY_S
                bar.update(task, completed=shown_at)
            amend(MOST_KEPT)
            tally.rejected += refused
            tally.detections += len(scan.z)
            tally.clock(partial(tracker.step, scan))
        while shown_at < end:
            show([tracker.estimate(shown_at)]) if afterwards is None else afterwards.show(shown_at)
            shown_at += SHOWN_EVERY_S
    amend(-1)


def _track_whole(
    found: "list[Detection]", scenario: "Scenario", assumed: "Assumptions", out: IO[bytes], tally: Tally
) -> None:
    import numpy as np
    from summit_fusion.jipda import JipdaTracker
    from summit_fusion.jipda.warm import warm

    from summit_cli.detections import line_of, scans
    from summit_cli.reports import reports
    from summit_cli.smoothing import Recording, likelier

    warm()
    every_s, settings = assumed.every_s, assumed.settings
    taken = []
    for scan, refused in scans(found, scenario) if every_s is None else reports(found, scenario, every_s):
        tally.rejected += refused
        tally.detections += len(scan.z)
        taken.append(scan)

    def take(recording: Recording) -> None:
        for scan in taken:
            tally.note(partial(recording.step, scan))
        recording.settle()

    def made() -> Recording:
        if every_s is None:
            take(recording := Recording(JipdaTracker(settings), settings.motion, settings.forget_s, 0.0))
        else:
            recording = likelier(take, settings, max(every_s.values(), default=0.0))
        recording.smooth()
        return recording

    recording = tally.spend(made)
    begin, end = _period(found, scenario)
    for estimate in recording.pictures(np.arange(begin + 0.5, end, SHOWN_EVERY_S)):
        tally.tracks.update(estimate.id.tolist())
        out.write(line_of(estimate))


def _track_online(
    found: "list[Detection]", scenario: "Scenario", assumed: "Assumptions", out: IO[bytes], tally: Tally
) -> None:
    from summit_fusion.jipda import LateTracker
    from summit_fusion.jipda.warm import warm

    from summit_cli.detections import arrivals, line_of
    from summit_cli.reports import arriving

    warm()
    begin, end = _period(found, scenario)
    tracker, shown_at = LateTracker(assumed.settings), begin + 0.5

    def settle() -> None:
        for step in tracker.steps():
            tally.clock(step)

    def show() -> None:
        settle()
        estimate = tracker.estimate(shown_at)
        tally.tracks.update(estimate.id.tolist())
        out.write(line_of(estimate))

    every_s = assumed.every_s
    pieces = arrivals(found, scenario) if every_s is None else arriving(found, scenario, every_s)
    for came, piece, refused in pieces:
        while shown_at < min(came, end):
            show()
            shown_at += SHOWN_EVERY_S
        tally.rejected += refused
        tally.detections += len(piece.z)
        if tracker.due(piece):
            settle()
        tracker.take(piece)
    while shown_at < end:
        show()
        shown_at += SHOWN_EVERY_S
    tally.too_late = tracker.too_late
