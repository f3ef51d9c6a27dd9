"""The detector adapter, exercised with tiny networks made here. They detect nothing: only the path is tested."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summit_core.errors import InputError, UnavailableError
from summit_fusion.vision import Detector, Sighting
from summit_fusion.vision import detector as detector_module
from summit_fusion.vision.letterbox import Letterbox, Picture, resize

onnx = pytest.importorskip("onnx", reason="SKIPPED: onnx is not installed, so no model can be made here")
pytest.importorskip("onnxruntime", reason="SKIPPED: onnxruntime (extra vision) is not installed")

SIDE = 64
LABELS = ("smoke", "fire")
Model = Callable[..., Path]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A network that answers fixed boxes, whose first score is the brightness of the picture's middle."""
    helper, kinds = onnx.helper, onnx.TensorProto

    def make(
        boxes: Any = ((8.0, 16.0, 40.0, 48.0), (0.0, 0.0, 64.0, 2.0)), classes: Any = (1, 0), second: float = 0.9,
        shape: Any = (1, 3, SIDE, SIDE), name: str = "images", kind: int = kinds.FLOAT, drop: str = "",
    ) -> Path:  # fmt: skip
        inner = [helper.make_tensor("starts", kinds.INT64, [2], [31, 31])]
        inner.append(helper.make_tensor("ends", kinds.INT64, [2], [33, 33]))
        inner.append(helper.make_tensor("axes", kinds.INT64, [2], [2, 3]))
        inner.append(helper.make_tensor("one", kinds.INT64, [1], [1]))
        inner.append(helper.make_tensor("second", kinds.FLOAT, [1], [second]))
        flat = np.array(boxes, dtype=np.float32)
        inner.append(helper.make_tensor("fixed", kinds.FLOAT, flat.shape, flat.ravel()))
        inner.append(helper.make_tensor("numbers", kinds.INT64, [len(classes)], classes))
        nodes = [
            helper.make_node("Cast", [name], ["as_float"], to=kinds.FLOAT),
            helper.make_node("Slice", ["as_float", "starts", "ends", "axes"], ["middle"]),
            helper.make_node("ReduceMean", ["middle"], ["mean"], keepdims=0),
            helper.make_node("Reshape", ["mean", "one"], ["first"]),
            helper.make_node("Concat", ["first", "second"], ["scores"], axis=0),
            helper.make_node("Identity", ["fixed"], ["boxes"]),
            helper.make_node("Identity", ["numbers"], ["classes"]),
        ]
        outputs = [
            helper.make_tensor_value_info("boxes", kinds.FLOAT, [None, 4]),
            helper.make_tensor_value_info("scores", kinds.FLOAT, [None]),
            helper.make_tensor_value_info("classes", kinds.INT64, [None]),
        ]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(name, kind, shape)],
            [one for one in outputs if one.name != drop],
            inner,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path = tmp_path / "tiny.onnx"
        onnx.save(made, path)
        return path

    return make


def picture(height: int = 100, width: int = 200, value: int = 51) -> Picture:
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_boxes_come_back_in_fractions_of_the_picture(model: Model) -> None:
    """200 x 100 fits 64 x 64 at 0.32: 16 grey rows above. The box (8, 16, 40, 48) is x 25..125, y 0..100 of it."""
    found = Detector(model(), LABELS, min_score=0.1).detect(picture())
    (first,) = found  # the second box lay in the padding
    assert first.label == "fire"
    assert first.score == pytest.approx(0.2, abs=1e-6)
    assert first.box == pytest.approx((0.125, 0.0, 0.625, 1.0), abs=1e-6)


def test_best_first_and_what_scores_less_is_dropped(model: Model) -> None:
    path = model(boxes=((8.0, 16.0, 40.0, 48.0), (8.0, 20.0, 20.0, 40.0)))
    found = Detector(path, LABELS, min_score=0.1).detect(picture())
    assert [one.score for one in found] == pytest.approx([0.9, 0.2])
    assert [one.label for one in Detector(path, LABELS, min_score=0.5).detect(picture())] == ["smoke"]
    assert Detector(path, LABELS, min_score=0.95).detect(picture()) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "input"}, "model.images"),
        ({"kind": 10, "shape": (1, 3, SIDE, SIDE)}, "model.images"),
        ({"shape": (1, 3, "h", "w")}, "model.images"),
        ({"shape": (2, 3, SIDE, SIDE)}, "model.images"),
        ({"shape": (1, 1, SIDE, SIDE)}, "model.images"),
        ({"drop": "classes"}, "model.classes"),
        ({"drop": "scores"}, "model.scores"),
    ],
)
def test_a_model_that_breaks_the_contract_is_not_opened(model: Model, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        Detector(model(**change), LABELS)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"second": 1.5}, "model.scores"),
        ({"second": float("nan")}, "model.scores"),
        ({"classes": (0, 7)}, "model.classes"),
        ({"classes": (0,)}, "model.classes"),
        ({"boxes": ((8.0, 16.0, 40.0, 48.0),)}, "model.boxes"),
        ({"boxes": ((8.0, 16.0, 40.0, 48.0), (0.0, 0.0, float("inf"), 2.0))}, "model.boxes"),
        ({"boxes": ((40.0, 16.0, 8.0, 48.0), (0.0, 0.0, 1.0, 2.0))}, "model.boxes"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_not_believed(model: Model, change: dict[str, Any], field: str) -> None:
    opened = Detector(model(**change), LABELS)
    with pytest.raises(InputError) as refused:
        opened.detect(picture())
    assert refused.value.field == field


def test_what_is_no_model_and_no_picture_is_told_by_name(model: Model, tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    for path in (tmp_path / "junk.onnx", tmp_path / "absent.onnx"):
        with pytest.raises(InputError) as refused:
            Detector(path, LABELS)
        assert refused.value.field == "model"
    with pytest.raises(InputError) as unnamed:
        Detector(model(), ())
    assert unnamed.value.field == "detector"
    opened = Detector(model(), LABELS)
    for wrong in (np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3), np.float32), np.zeros((0, 10, 3), np.uint8)):
        with pytest.raises(InputError) as bad:
            opened.detect(wrong)  # type: ignore[arg-type]  # what a caller without types may send
        assert bad.value.field == "picture"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detector_module, "INSTALLED", False)
    with pytest.raises(UnavailableError, match=r"summit-fusion\[vision\]"):
        Detector(tmp_path / "any.onnx", LABELS)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 128), st.integers(8, 128))
def test_a_letterbox_undoes_itself(tall: int, wide: int, height: int, width: int) -> None:
    placed, tensor = Letterbox.fit(np.full((tall, wide, 3), 255, np.uint8), width, height)
    assert tensor.shape == (1, 3, height, width) and tensor.dtype == np.float32
    white = np.argwhere(tensor[0, 0] > 0.999)
    (top, left), (bottom, right) = white.min(axis=0), white.max(axis=0) + 1
    box = placed.undo(np.array([[left, top, right, bottom]], dtype=np.float32))[0]
    slack = 1.0 / (placed.scale * min(tall, wide))  # a pixel of the network
    assert box == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=slack)


def test_shrinking_keeps_the_mean_and_growing_the_slope() -> None:
    random = np.random.default_rng(1)
    fine = random.integers(0, 256, (240, 360, 3), dtype=np.uint8)
    assert resize(fine, 60, 90).mean() == pytest.approx(fine.mean(), abs=0.5)
    assert resize(fine, 60, 90).std() < 0.4 * fine.std()
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[None, :, None], 5, 0).repeat(3, 2)
    assert np.allclose(np.diff(resize(ramp, 5, 40)[2, 4:-4, 0]), 5.0, atol=1e-3)


def test_a_sighting_is_all_that_comes_out(model: Model) -> None:
    assert all(isinstance(one, Sighting) for one in Detector(model(), LABELS).detect(picture(value=255)))
