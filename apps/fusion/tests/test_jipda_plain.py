"""Where there is no numba the kernels run as plain Python: slow, with the same answers."""

import subprocess
import sys
from io import BytesIO

import numpy as np
from summit_fusion.compiled import COMPILED
from summit_fusion.jipda import Detections, Estimate, LateTracker

SCRIPT = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "numba" else find(name, package)
sys.path.insert(0, {folder!r})
import numpy as np
import summit_fusion.compiled
from test_jipda_plain import run
assert not summit_fusion.compiled.COMPILED
found = run()
np.savez(sys.stdout.buffer, id=found.id, mean=found.mean, cov=found.cov, existence=found.existence)
"""


def run() -> Estimate:
    """Four targets, two of which cross, for five seconds; clutter, misses, a late piece."""
    random, tracker, key = np.random.default_rng(6), LateTracker(reorder_s=0.0), 0
    place = np.array([[0.0, 0.0], [150.0, 20.0], [0.0, 900.0], [2000.0, 0.0]])
    speed = np.array([[25.0, 5.0], [-25.0, 0.0], [0.0, -15.0], [3.0, 3.0]])
    held: list[Detections] = []
    for step in range(12):
        time = step / 2
        z = (place + time * speed + random.normal(0, 10, (4, 2)))[random.random(4) < 0.9]
        z = np.concatenate([z, random.uniform(-200, 2000, (3, 2))])
        noise, keys = np.tile([100.0, 3.0, 90.0], (len(z), 1)), np.arange(key, key + len(z))
        key += len(z)
        pieces = [
            Detections.of(time, z[part], noise[part], clutter=1e-7, sensor="radar", key=keys[part])[0]
            for part in (slice(0, -1), slice(-1, None))
        ]
        tracker.take(pieces[0])
        if step == 6:
            tracker.take(held[-1])
        held.append(pieces[1])
    return tracker.estimate(6.0)


def test_plain_python_gives_the_same_answers() -> None:
    assert COMPILED
    folder = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(folder=folder)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    plain, expected = np.load(BytesIO(done.stdout)), run()
    assert len(expected.id) == 4
    np.testing.assert_array_equal(plain["id"], expected.id)
    for name in ("mean", "cov", "existence"):
        np.testing.assert_allclose(plain[name], getattr(expected, name), rtol=1e-9, atol=1e-9)
