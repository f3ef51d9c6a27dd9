"""The classical candidate generator on pictures made here: what it finds, and what it keeps quiet about.

Made pictures say nothing about the field; no real smoke frames can be had.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from summit_core.errors import InputError
from summit_fusion.vision import PlumeCandidate, PlumeFinder
from summit_fusion.vision.change import Whitening, shift_between
from summit_fusion.vision.letterbox import Picture
from summit_fusion.vision.plume import blobs

HEIGHT, WIDTH = 216, 384
FRAMES = 40
STARTS = 12


def blurred(noise: NDArray[Any], times: int) -> NDArray[Any]:
    for _ in range(times):
        noise = (noise + sum(np.roll(noise, step, axis) for step in (1, -1) for axis in (0, 1))) / 5.0
    return noise / noise.std()


@dataclass
class Scene:
    """Textured ground under a blue sky; ``fire`` is where a plume stands (column, row), None without one."""

    seed: int
    fire: tuple[int, int] | None = None
    drift: float = 0.0
    """Pixels a frame by which white clouds move."""
    shake: int = 0
    gain: Callable[[int], float] = lambda _: 1.0
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        ground = 14.0 * blurred(self.random.normal(size=(HEIGHT, WIDTH)), 6)
        ground += 8.0 * blurred(self.random.normal(size=(HEIGHT, WIDTH)), 2)
        row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
        self.sky = row < 80.0 + 10.0 * np.sin(column / 37.0 + self.seed) + 5.0 * np.sin(column / 11.0)
        colours = ((150.0, 70.0), (185.0, 85.0), (225.0, 50.0))
        self.still = np.stack([np.where(self.sky, up + row / 9.0, low + ground) for up, low in colours], axis=2)
        self.clouds = np.zeros((HEIGHT, WIDTH))
        for number in range(3):
            x, y = (column - 60 - 120 * number) / 40.0, (row - 16 - 18 * number) / 11.0
            self.clouds += 0.75 * np.exp(-x * x - y * y)

    def frame(self, number: int) -> Picture:
        made = self.still.copy()
        if self.drift:
            veil = np.roll(self.clouds, round(self.drift * number), axis=1) * self.sky
            made += veil[..., None] * (245.0 - made)
        if self.fire and number >= STARTS:
            made += self._plume(number - STARTS + 1)[..., None] * (225.0 - made)
        if self.shake:
            made = np.roll(made, tuple(self.random.integers(-self.shake, self.shake + 1, 2)), (0, 1))
        made = made * self.gain(number) + self.random.normal(size=(HEIGHT, WIDTH, 1)) * 2.5
        return np.clip(made, 0, 255).astype(np.uint8)

    def _plume(self, age: int) -> NDArray[Any]:
        """Puffs that rise from the fire, lean with the wind and widen; opacity 0 to 1."""
        assert self.fire is not None
        row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
        clear = np.ones((HEIGHT, WIDTH))
        for puff in range(min(2 * age, 50)):
            rise = 1.6 * puff
            x, y, radius = self.fire[0] + 0.35 * rise, self.fire[1] - rise, 2.5 + 0.14 * rise
            near = (np.abs(row - y) < 3 * radius) & (np.abs(column - x) < 3 * radius)
            clear[near] *= 1.0 - 0.33 * np.exp(-((row[near] - y) ** 2 + (column[near] - x) ** 2) / radius**2)
        return 1.0 - clear


def watch(scene: Scene) -> list[list[PlumeCandidate]]:
    finder = PlumeFinder()
    return [finder.push(scene.frame(number)) for number in range(FRAMES)]


def is_at(candidate: PlumeCandidate, fire: tuple[int, int]) -> bool:
    x0, _, x1, y1 = candidate.region
    return x0 * WIDTH - 8 <= fire[0] <= x1 * WIDTH + 8 and abs(y1 * HEIGHT - fire[1]) < 14


@pytest.mark.parametrize("seed", range(3))
def test_a_growing_plume_is_found(seed: int) -> None:
    fire = (120 + 40 * seed, 150 - 8 * seed)
    told = watch(Scene(seed, fire=fire))
    first = next(number for number, found in enumerate(told) if found)
    assert STARTS + 5 <= first <= STARTS + 12
    assert all(is_at(one, fire) for found in told for one in found)
    assert told[-1] and told[-1][0].growth > 1.5 and told[-1][0].frames >= 6


def test_a_plume_is_found_through_clouds_shake_and_changing_light() -> None:
    fire = (200, 150)
    told = watch(Scene(5, fire=fire, drift=1.0, shake=2, gain=lambda k: 1.0 + 0.15 * math.sin(k / 5.0)))
    assert any(is_at(one, fire) for found in told for one in found)


@pytest.mark.parametrize(
    "nuisance",
    [
        {},
        {"drift": 0.4},
        {"drift": 1.0},
        {"drift": 3.0},
        {"shake": 3},
        {"shake": 8},
        {"gain": lambda k: 1.0 + 0.25 * math.sin(k / 5.0)},
        {"gain": lambda k: 1.3 if k > 20 else 1.0},
    ],
    ids=["still", "slow clouds", "clouds", "fast clouds", "shake", "strong shake", "exposure", "exposure jump"],
)
def test_what_is_no_plume_makes_few_candidates(nuisance: dict[str, Any]) -> None:
    told = [one for seed in (11, 12) for found in watch(Scene(seed, **nuisance)) for one in found]
    assert len(told) <= 4  # of 80 pictures


def test_a_turned_camera_starts_anew() -> None:
    finder, one, other = PlumeFinder(), Scene(1), Scene(2)
    for number in range(5):
        finder.push(one.frame(number))
    assert [finder.push(other.frame(number)) for number in range(10)] == [[]] * 10
    assert finder.push(np.zeros((40, 50, 3), np.uint8)) == []


def test_a_shift_is_measured_in_whole_cells() -> None:
    ground = np.random.default_rng(3).normal(size=(40, 60)).astype(np.float32)
    assert shift_between(np.roll(ground, (3, -5), (0, 1)), ground) == (-3, 5)


def test_the_first_picture_is_the_background() -> None:
    whitening, scene = Whitening(), Scene(4)
    assert not whitening(scene.frame(0)).any()
    assert whitening(scene.frame(1)).mean() < 0.01


def test_cells_that_touch_are_one_blob() -> None:
    cells = np.zeros((6, 8), dtype=bool)
    cells[1, 1] = cells[2, 2] = cells[2, 3] = cells[5, 7] = True
    assert sorted(len(blob) for blob in blobs(cells)) == [1, 3]


def test_what_is_no_picture_is_told() -> None:
    with pytest.raises(InputError) as refused:
        PlumeFinder().push(np.zeros((10, 10), np.uint8))
    assert refused.value.field == "picture"
