"""NMS against a slow version in plain Python, one box at a time, and rule by rule."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import run

Box = tuple[float, float, float, float]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union; 0 where a box has no area."""
    area_a = max(a[2] - a[0], 0.0) * max(a[3] - a[1], 0.0)
    area_b = max(b[2] - b[0], 0.0) * max(b[3] - b[1], 0.0)
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if area_a == 0 or area_b == 0 or width <= 0 or height <= 0:
        return 0.0
    return width * height / (area_a + area_b - width * height)


def corners(box: Any, box_format: str) -> Box:
    a, b, c, d = (float(v) for v in box)
    return (a, b, c, d) if box_format == "xyxy" else (a - c / 2, b - d / 2, a + c / 2, b + d / 2)


def greedy(candidates: list[tuple[float, int, int, Box]], iou: float, aware: bool, limit: int) -> list[Any]:
    """Of `(score, anchor, class, box)` by score, anchor, class, those that no better one kept overlaps too much."""
    kept: list[Any] = []
    for one in sorted(candidates, key=lambda c: (-c[0], c[1], c[2])):
        if len(kept) < limit and not any(overlap(one[3], k[3]) > iou for k in kept if not aware or k[2] == one[2]):
            kept.append(one)
    return kept


def maps(sample: np.ndarray, node: Any) -> np.ndarray:
    """What the documentation says of `input_format="maps"`, for one sample `(4 + nc, A)` of probabilities."""
    count = sample.shape[1]
    candidates = []
    for anchor in range(count):
        scores = [-math.inf if math.isnan(s) else float(s) for s in sample[4:, anchor]]
        classes = range(len(scores)) if node.multi_label else [scores.index(max(scores))]
        for label in classes:
            better = (
                scores[label] >= node.score_threshold
                if node.comparator == "ge"
                else (scores[label] > node.score_threshold)
            )
            if better:
                candidates.append((scores[label], anchor, label, corners(sample[:4, anchor], node.box_format)))
    limit = node.max_detections or count
    found = np.zeros((limit, 6))
    for row, (score, _, label, box) in enumerate(greedy(candidates, node.iou_threshold, node.class_aware, limit)):
        found[row] = (*box, score, label)
    return found


def rows(sample: np.ndarray, node: Any) -> np.ndarray:
    """What it says of `input_format="rows"`, for one sample `(N, 5 + nc)`."""
    candidates = []
    for anchor, row in enumerate(sample):
        score = row[4] * (max(row[5:]) if len(row) > 5 else 1.0)
        if score >= node.score_threshold:
            candidates.append((score, anchor, 0, corners(row[:4], "xywh")))
    limit = min(len(sample), node.max_detections or len(sample))
    found = np.zeros((limit, sample.shape[1]))
    for place, one in enumerate(greedy(candidates, node.iou_threshold, False, limit)):
        found[place] = sample[one[1]]
    return found


def run_nms(node: Any, *scales: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """One sample, one step: the graph with one edge per scale."""
    names = [f"scale{i}" for i in range(len(scales))]
    nodes = {name: ir.Input(x.shape) for name, x in zip(names, scales, strict=True)}
    graph = ir.Graph(
        {**nodes, "nms": node, "out": ir.Output(None)}, [*((name, "nms") for name in names), ("nms", "out")]
    )
    assert graph.check().ok
    inputs = {name: x[None, None] for name, x in zip(names, scales, strict=True)}
    return run(graph, inputs, dtype=dtype).outputs["out"][0, 0]


@st.composite
def samples(draw: Any, negative: bool = True) -> np.ndarray:
    """Few distinct coordinates and scores, so that ties, touching boxes and boxes without area are common."""
    count, classes = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    numbers = st.integers(-2 if negative else 0, 6).map(float)
    boxes = [draw(st.lists(numbers, min_size=4, max_size=4)) for _ in range(count)]
    quarters = st.integers(0, 4).map(lambda v: v / 4)
    scores = [draw(st.lists(quarters, min_size=classes, max_size=classes)) for _ in range(count)]
    return np.array([b + s for b, s in zip(boxes, scores, strict=True)]).T


@given(
    sample=samples(),
    box_format=st.sampled_from(["xywh", "xyxy"]),
    threshold=st.sampled_from([0.0, 0.25, 0.5]),
    iou=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    limit=st.integers(0, 8),
    options=st.fixed_dictionaries(
        {"class_aware": st.booleans(), "multi_label": st.booleans(), "comparator": st.sampled_from(["gt", "ge"])}
    ),
)
@settings(max_examples=150, deadline=None)
def test_maps_equal_the_slow_version(
    sample: np.ndarray, box_format: str, threshold: float, iou: float, limit: int, options: Any
) -> None:
    node = ir.NMS(threshold, iou, limit, box_format=box_format, scores="probabilities", **options)
    assert np.array_equal(run_nms(node, sample), maps(sample, node))


@given(sample=samples(negative=False), limit=st.integers(0, 5), threshold=st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=60, deadline=None)
def test_rows_equal_the_slow_version(sample: np.ndarray, limit: int, threshold: float) -> None:
    node = ir.NMS(threshold, 0.3, limit, input_format="rows")
    assert np.array_equal(run_nms(node, sample.T), rows(sample.T, node))


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_do_not_change_the_answer(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    sample = np.concatenate(
        [rng.integers(0, 12, (2, 60)), rng.integers(1, 9, (2, 60)), rng.integers(0, 9, (2, 60)) / 8]
    )
    node = ir.NMS(0.1, 0.3, 40, scores="probabilities", class_aware=False)
    expected = maps(sample, node)
    monkeypatch.setattr("talon.detect.nms.BLOCK", block)
    assert np.array_equal(run_nms(node, sample), expected)
    assert np.count_nonzero(expected[:, 4]) > 2 * block


def test_scales_are_joined_in_edge_order() -> None:
    """Equal scores in two scales: the anchors of the first edge come first."""
    first, second = np.zeros((5, 2, 2)), np.zeros((5, 3))
    first[:, 1, 1] = [10, 10, 2, 2, 0.75]
    second[:, 2] = [50, 50, 4, 4, 0.75]
    node = ir.NMS(scores="probabilities", max_detections=0)
    one, other = run_nms(node, first, second), run_nms(node, second, first)
    assert one.shape == (7, 6)
    assert one[:2, 2].tolist() == [11, 52]
    assert other[:2, 2].tolist() == [52, 11]


def test_ties_across_classes_follow_anchor_then_class() -> None:
    sample = np.array([[5.0, 5, 2, 2, 0.5, 0.5], [50, 50, 2, 2, 0.5, 0.5]]).T
    node = ir.NMS(scores="probabilities", multi_label=True, max_detections=4)
    found = run_nms(node, sample)
    assert found[:, [0, 5]].tolist() == [[4, 0], [4, 1], [49, 0], [49, 1]]
    best = run_nms(node.changed(multi_label=False), sample)
    assert best[:, 5].tolist() == [0, 0, 0, 0]


def test_a_nan_score_never_passes_and_hides_no_other_class() -> None:
    """NaN cannot enter by an Input, so the step is asked."""
    sample = np.array([[5, 5, 2, 2, np.nan, 0.75], [50, 50, 2, 2, np.nan, np.nan]]).T
    node = ir.NMS(0.0, scores="probabilities", max_detections=0, comparator="ge")
    found = node.step(0, {}, sample[None])[0]
    assert found.tolist() == [[4, 4, 6, 6, 0.75, 1], [0] * 6]
    row = np.array([[5, 5, 2, 2, 0.5, np.nan, 0.5], [50, 50, 2, 2, np.nan, 1, 1], [90, 90, 2, 2, 1, np.nan, np.nan]])
    kept = ir.NMS(0.0, input_format="rows").step(0, {}, row[None])[0]
    assert np.array_equal(kept[0], row[0], equal_nan=True)
    assert not kept[1:].any()


def test_logits_pass_through_a_sigmoid() -> None:
    sample = np.array([[5.0, 5, 2, 2, 0.0], [50, 50, 2, 2, 3.0], [90, 90, 2, 2, -3.0]]).T
    found = run_nms(ir.NMS(0.5, max_detections=3), sample)
    np.testing.assert_allclose(found[:, 4], [1 / (1 + math.exp(-3)), 0, 0], rtol=1e-12)
    assert run_nms(ir.NMS(0.5, max_detections=3, comparator="ge"), sample)[1, 4] == 0.5


def test_steps_and_samples_are_independent() -> None:
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.uniform(0, 30, (3, 2, 4, 9)), rng.uniform(0, 1, (3, 2, 2, 9))], axis=2)
    node = ir.NMS(0.2, 0.3, 5, scores="probabilities")
    graph = ir.Graph.chain(input=ir.Input([6, 9]), nms=node, out=ir.Output([5, 6]))
    found = run(graph, x, dtype="float64").outputs["out"]
    for place in np.ndindex(3, 2):
        np.testing.assert_allclose(found[place], maps(x[place], node), rtol=1e-12)


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_hundred_thousand_anchors_take_well_under_a_second(multi_label: bool) -> None:
    rng = np.random.default_rng(8)
    count = 100_000
    boxes = [rng.uniform(0, 640, (2, count)), rng.uniform(8, 90, (2, count))]
    sample = np.concatenate([*boxes, rng.normal(-1, 1, (3, count))]).astype(np.float32)
    node = ir.NMS(multi_label=multi_label)
    start = time.perf_counter()
    found = node.step(0, {}, sample[None])[0]
    assert time.perf_counter() - start < 1.0
    assert np.all(found[:, 4] > 0.25)
    assert np.all(np.diff(found[:, 4]) <= 0)


@pytest.mark.parametrize(
    ("node", "shapes", "code", "words"),
    [
        (ir.NMS(), [(4, 9)], "T104", ("(4 + classes, height, width)", "(4, 9)")),
        (ir.NMS(), [(6, 2, 2, 2)], "T104", ("(6, 2, 2, 2)",)),
        (ir.NMS(), [(6, 9), (7, 9)], "T104", ("number of classes", "6 channels", "(7, 9)")),
        (ir.NMS(input_format="rows"), [(9, 4)], "T104", ("(boxes, 5 + classes)", "(9, 4)")),
        (ir.NMS(input_format="rows"), [(9, 6), (8, 6)], "T106", ("1 edge", "2 edges")),
    ],
)
def test_inputs_that_are_no_boxes_are_refused(node: Any, shapes: Any, code: str, words: Any) -> None:
    nodes = {f"in{i}": ir.Input(shape) for i, shape in enumerate(shapes)}
    graph = ir.Graph({**nodes, "nms": node, "out": ir.Output(None)}, [*((n, "nms") for n in nodes), ("nms", "out")])
    (error,) = graph.check().errors
    assert (error.code, error.node) == (code, "nms")
    assert all(word in str(error) for word in words), str(error)


@pytest.mark.parametrize("options", [{"multi_label": True}, {"box_format": "xyxy"}])
def test_options_of_maps_that_rows_cannot_follow_are_refused(options: Any) -> None:
    with pytest.raises(ir.TalonValueError, match="rows"):
        ir.NMS(input_format="rows", **options)


@pytest.mark.parametrize("options", [{"score_threshold": 1.5}, {"iou_threshold": -0.1}, {"max_detections": -1}])
def test_thresholds_out_of_range_are_refused(options: Any) -> None:
    with pytest.raises(ir.TalonValueError, match=next(iter(options))):
        ir.NMS(**options)
