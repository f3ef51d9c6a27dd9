"""A smoke detector of one's own: any network in ONNX that keeps this contract. No weights are shipped, and nothing is
said about how well one detects in the field.

Input, one, named ``images``: float32, shape (1, 3, H, W) with H and W fixed, red-green-blue, 0 to 1; the picture is
scaled to fit, centred, with grey (114/255) around it.

Outputs, three, after the network's own suppression of doubles; N may be 0:
    ``boxes``    float32 (N, 4): x0, y0, x1, y1 in pixels of the input
    ``scores``   float32 (N,):   0 to 1
    ``classes``  int64 (N,):     index into ``labels``

What breaks it is refused by the name of the field (:class:`InputError`), when the model is opened or when it answers.
Needs the extra ``vision`` (onnxruntime); it runs on the processor only, with a bounded number of threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from summit_core.errors import InputError, UnavailableError

from summit_fusion.vision.letterbox import Floats, Letterbox, Picture, check_picture

INSTALLED: Final = find_spec("onnxruntime") is not None
INPUT: Final = "images"
OUTPUTS: Final = {"boxes": "tensor(float)", "scores": "tensor(float)", "classes": "tensor(int64)"}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a detector of record saw: a box in fractions of the picture (x0, y0, x1, y1; y downwards)."""

    box: tuple[float, float, float, float]
    score: float
    label: str


class Detector:
    """An opened model. ``detect`` may be called from one thread at a time."""

    def __init__(self, path: Path, labels: Sequence[str], *, threads: int = 1, min_score: float = 0.2) -> None:
        """``labels``: the name of each class; ``threads``: of the processor, at most; ``min_score``: less is dropped.

        InputError names what is wrong: ``model``, ``model.images``, ``model.boxes`` …; UnavailableError without the
        extra ``vision``.
        """
        if not INSTALLED:
            raise UnavailableError("image detection needs onnxruntime: install summit-fusion[vision]")
        if not labels or threads < 1 or not 0.0 <= min_score <= 1.0:
            raise InputError("one label or more, one thread or more, a least score of 0 to 1", field="detector")
        self.labels, self.min_score = tuple(labels), min_score
        self._session = _open(path, threads)
        self.height, self.width = _input_size(self._session)
        _check_outputs(self._session)

    def detect(self, picture: Picture) -> list[Sighting]:
        """What it sees in a picture (uint8, height x width x 3, red-green-blue), best first."""
        check_picture(picture)
        placed, tensor = Letterbox.fit(picture, self.width, self.height)
        try:
            answer = self._session.run(list(OUTPUTS), {INPUT: tensor})
        except _failures() as error:
            raise InputError(f"the model failed: {error}", field="model") from None
        boxes, scores, classes = _check_answer(answer, len(self.labels))
        kept = np.flatnonzero(scores >= self.min_score)
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        fractions = placed.undo(boxes[kept])
        return [
            Sighting(tuple(box), score, self.labels[number])
            for box, score, number in zip(
                fractions.tolist(), scores[kept].tolist(), classes[kept].tolist(), strict=True
            )
            if box[0] < box[2] and box[1] < box[3]  # nothing is left of one that lay in the padding
        ]


def _open(path: Path, threads: int) -> Any:
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _failures() as error:
        raise InputError(f"{path.name} cannot be opened: {error}", field="model") from None


def _failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; it has no common base of its own."""
    errors = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return tuple(getattr(errors, name) for name in (*names, "RuntimeException"))


def _input_size(session: Any) -> tuple[int, int]:
    inputs = {one.name: one for one in session.get_inputs()}
    if list(inputs) != [INPUT]:
        raise InputError(f"one input named {INPUT}; this model has {', '.join(inputs)}", field=f"model.{INPUT}")
    shape = inputs[INPUT].shape
    fixed = len(shape) == 4 and shape[1] == 3 and all(isinstance(side, int) and side > 0 for side in shape[2:])
    if inputs[INPUT].type != "tensor(float)" or not fixed or (isinstance(shape[0], int) and shape[0] != 1):
        raise InputError(
            f"float32 (1, 3, H, W) with H and W fixed; this is {inputs[INPUT].type} {shape}", field=f"model.{INPUT}"
        )
    return int(shape[2]), int(shape[3])


def _check_outputs(session: Any) -> None:
    found = {one.name: one.type for one in session.get_outputs()}
    for name, kind in OUTPUTS.items():
        if found.get(name) != kind:
            raise InputError(f"an output {name}, {kind}; this model has {found}", field=f"model.{name}")


def _check_answer(answer: Sequence[Any], labels: int) -> tuple[Floats, Floats, Any]:
    boxes, scores, classes = (np.asarray(one) for one in answer)
    count = len(scores) if scores.ndim == 1 else -1
    _demand(count >= 0 and bool(np.all((scores >= 0.0) & (scores <= 1.0))), "scores", "shape (N,), each 0 to 1")
    _demand(boxes.shape == (count, 4) and bool(np.isfinite(boxes).all()), "boxes", f"shape ({count}, 4), finite")
    upright = bool(np.all((boxes[:, 0] <= boxes[:, 2]) & (boxes[:, 1] <= boxes[:, 3])))
    _demand(upright, "boxes", "x0 <= x1 and y0 <= y1")
    known = classes.shape == (count,) and bool(np.all((classes >= 0) & (classes < labels)))
    _demand(known, "classes", f"shape ({count},), each below {labels}")
    return boxes, scores, classes


def _demand(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise InputError(f"the model broke its contract: {name} must be {what}", field=f"model.{name}")
