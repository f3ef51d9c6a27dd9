"""Stone Soup on the positions of one Autoferry scenario: global nearest neighbour, as ../shared/bench/tracking runs it.

Reads {"end", "scans": [[time, [[east, north, xx, xy, yy], …]], …], "q", "cov", "points", "speed"} on stdin, writes the
pictures of each second, as `summit track` does. Runs in the environment of its own below .tools.
"""

import json
import sys
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
from stonesoup.deleter.error import CovarianceBasedDeleter
from stonesoup.hypothesiser.distance import DistanceHypothesiser
from stonesoup.initiator.simple import MultiMeasurementInitiator
from stonesoup.measures import Mahalanobis
from stonesoup.models.measurement.linear import LinearGaussian
from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
from stonesoup.predictor.kalman import KalmanPredictor
from stonesoup.tracker.simple import MultiTargetTracker
from stonesoup.types.detection import Detection
from stonesoup.types.state import GaussianState
from stonesoup.updater.kalman import KalmanUpdater

BEGIN = datetime(2025, 1, 1)
GATE = 4.0


def detections(time: datetime, rows: list[list[float]]) -> set[Detection]:
    return {
        Detection(
            np.array([[east], [north]]),
            timestamp=time,
            measurement_model=LinearGaussian(4, (0, 2), np.array([[xx, xy], [xy, yy]])),
        )
        for east, north, xx, xy, yy in rows
    }


def tracker(task: dict[str, Any], predictor: KalmanPredictor) -> MultiTargetTracker:
    updater = KalmanUpdater(None)
    associator = GNNWith2DAssignment(DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=GATE))
    deleter = CovarianceBasedDeleter(task["cov"], mapping=[0, 2])
    speed = task["speed"] ** 2
    initiator = MultiMeasurementInitiator(
        prior_state=GaussianState([[0], [0], [0], [0]], np.diag([0.0, speed, 0.0, speed])),
        deleter=deleter, data_associator=associator, updater=updater, min_points=task["points"],
    )  # fmt: skip
    scans = ((BEGIN + timedelta(seconds=time), rows) for time, rows in task["scans"])
    feed = ((time, detections(time, rows)) for time, rows in scans)
    return MultiTargetTracker(
        initiator=initiator, deleter=deleter, detector=feed, data_associator=associator, updater=updater
    )


def picture(tracks: Any, predictor: KalmanPredictor, at: float, names: dict[str, int]) -> str:
    rows = []
    for track in tracks:
        state = predictor.predict(track.state, timestamp=BEGIN + timedelta(seconds=at))
        x, u, y, v = (float(value) for value in np.asarray(state.mean).ravel())
        rows.append([names.setdefault(track.id, len(names)), x, y, u, v])
    return json.dumps({"t": at, "tracks": rows})


def main() -> None:
    task = json.load(sys.stdin)
    kinds = [ConstantVelocity(task["q"]), ConstantVelocity(task["q"])]
    predictor = KalmanPredictor(CombinedLinearGaussianTransitionModel(kinds))
    run, shown, names = tracker(task, predictor), 0.5, dict[str, int]()
    steps = iter(run)
    for time, _ in task["scans"]:
        while shown < time:
            print(picture(run.tracks, predictor, shown, names))
            shown += 1.0
        next(steps)
    while shown < task["end"]:
        print(picture(run.tracks, predictor, shown, names))
        shown += 1.0


if __name__ == "__main__":
    main()
