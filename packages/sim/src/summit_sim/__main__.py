"""``python -m summit_sim``: play a scenario on a running Summit OS. JSON lines to stdout."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from summit_core.clock import SystemClock
from summit_core.errors import SummitError
from summit_core.observability.logs import configure_logs

from summit_sim import ridge_fire
from summit_sim.runner import play
from summit_sim.scenario import FASTEST, Scenario

SCENARIOS: dict[str, Callable[..., Scenario]] = {"ridge-fire": ridge_fire.build}


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when it ended as asked (duration, Ctrl-C, SIGTERM), 2 when it could not begin."""
    options = _parser().parse_args(arguments)
    configure_logs("scenario")
    try:
        asyncio.run(_run(options))
    except SummitError as error:
        logging.getLogger("summit_sim").critical("cannot begin: %s", error.detail)
        return 2
    return 0


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.duration is not None:
        loop.call_later(options.duration, stop.set)
    scenario = SCENARIOS[options.scenario](seed=options.seed, speed=options.speed, start=SystemClock().now())
    await play(scenario, options.endpoints, auto_approve=options.auto_approve, stop=stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="summit_sim", description="Play a scenario on a running Summit OS.")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="ridge-fire")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same noise")
    parser.add_argument("--speed", type=_speed, default=1.0, help=f"scenario seconds a second, at most {FASTEST:g}")
    parser.add_argument("--endpoints", type=Path, default=Path(".summit/endpoints.json"), help="from `summit up`")
    parser.add_argument("--auto-approve", action="store_true", help="a simulated commander approves what is proposed")
    parser.add_argument("--duration", type=float, help="end after so many seconds of the clock on the wall")
    return parser


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.0 < speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {FASTEST:g}")
    return speed


if __name__ == "__main__":
    sys.exit(main())
