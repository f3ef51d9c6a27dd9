"""A gateway that asks to slow down is waited for, audibly and not for ever: one place waits for all commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from stand_in import StandIn, standing_in
from summit_cli.main import main
from summit_cli.patience import BUSY_S, Patience

LETTERS = [f"0190a6f0-0000-7000-8000-{number:012x}" for number in range(3)]


class _Busy(StandIn):
    """Takes every other request only, as one whose window is full."""

    def do_DELETE(self) -> None:
        self.asked.append(self.path)
        if len(self.asked) % 2:
            self.send_response(429)
            self.send_header("Retry-After", "1" if len(self.asked) == 1 else "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(200, {})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with standing_in(_Busy, tmp_path) as folder:
        yield folder


def test_letters_beyond_the_quota_are_done_all_the_same(state: Path) -> None:
    done = CliRunner().invoke(main, ["dlq", "drop", *LETTERS, "--json"], env={"SUMMIT_STATE_DIR": str(state)})
    assert done.exit_code == 0, done.output
    assert done.stderr.count("asks to slow down; going on in 1 s") == 1  # what takes no second is not told
    assert [path.rpartition("/")[2] for path in _Busy.asked] == [letter for letter in LETTERS for _ in range(2)]


def _patience() -> tuple[Patience, list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return Patience("http://gateway", sleep), slept


async def _until_given_up(status: int, headers: dict[str, str]) -> tuple[str, list[float]]:
    patience, slept = _patience()
    with pytest.raises(click.ClickException) as given_up:
        for _ in range(1000):
            await patience.wait(status, "why", headers)
    return given_up.value.message, slept


@pytest.mark.parametrize(
    ("status", "stated", "longest", "says"),
    [(429, "50", BUSY_S, "SUMMIT_LIMITS"), (503, "7", 60.0, "summit status"), (429, "9999", 0.0, "9999 s more")],
)
async def test_patience_ends(status: int, stated: str, longest: float, says: str) -> None:
    told, slept = await _until_given_up(status, {"Retry-After": stated})
    assert says in told
    assert all(pause == float(stated) for pause in slept)
    assert longest - float(stated) < sum(slept) <= longest or not slept


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-3"}, {"Retry-After": "²"}])
async def test_without_a_number_the_pauses_grow(headers: dict[str, Any]) -> None:
    _, slept = await _until_given_up(503, headers)
    assert slept[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert sum(slept) <= 60
