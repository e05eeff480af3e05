"""SDDetect, DFLDecode and Dist2BBox against plain numpy functions, and how they are constructed and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from talon import ir
from talon.engine import run

STEPS = 4


def conv(x: np.ndarray, weight: np.ndarray, bias: Any, groups: int) -> np.ndarray:
    """One step `(B, C, H, W)`, padded by half of the kernel, group after group."""
    pad = weight.shape[-1] // 2
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), weight.shape[-2:], axis=(2, 3))
    parts = zip(np.split(windows, groups, axis=1), np.split(weight, groups), strict=True)
    y = np.concatenate([np.einsum("bchwij,ocij->bohw", v, w) for v, w in parts], axis=1)
    return y if bias is None else y + bias[:, None, None]


def fire(x: np.ndarray) -> np.ndarray:
    v, spikes = np.zeros(x.shape[1:]), np.zeros_like(x)
    for t, now in enumerate(x):
        v = v + now
        spikes[t] = v >= 1
        v[v >= 1] = 0
    return spikes


def head(x: np.ndarray, w: dict[str, Any], groups: dict[str, tuple[int, ...]], neurons: bool) -> np.ndarray:
    """Both branches over all steps `(T, B, C, H, W)`; with neurons the mean of the steps so far."""
    ends = []
    for branch in ("cv2", "cv3"):
        y = x
        for i in range(3):
            weight, bias = w[f"{branch}_w{i}"], w[f"{branch}_b{i}"]
            y = np.stack(
                [
                    conv(
                        v,
                        weight[t % len(weight)] if weight.ndim == 5 else weight,
                        bias[t % len(bias)] if bias is not None and bias.ndim == 2 else bias,
                        groups[branch][i],
                    )
                    for t, v in enumerate(y)
                ]
            )
            if neurons and i < 2:
                y = fire(y)
        if neurons:
            y = np.cumsum(y, axis=0) / np.arange(1, STEPS + 1).reshape(-1, 1, 1, 1, 1)
        ends.append(y)
    return np.concatenate(ends, axis=2)


def head_weights(rng: Any, dyadic: bool, per_step: bool, first_groups: int = 1) -> dict[str, Any]:
    """A head for 8 channels, 3 classes and 4 bins; the second and third box convolutions have 4 groups."""

    def draw(*shape: int, steps: bool = per_step) -> np.ndarray:
        shape = (3, *shape) if steps else shape
        return rng.integers(-24, 40, shape) / 64 if dyadic else rng.normal(0, 0.4, shape)

    return {
        "cv2_w0": draw(16, 8, 3, 3),
        "cv2_b0": draw(16),
        "cv2_w1": draw(8, 4, 3, 3),
        "cv2_b1": None,
        "cv2_w2": draw(16, 2, 1, 1, steps=False),
        "cv2_b2": draw(16, steps=False),
        "cv3_w0": draw(8, 8 // first_groups, 3, 3),
        "cv3_b0": None,
        "cv3_w1": draw(5, 8, 1, 1),
        "cv3_b1": draw(5),
        "cv3_w2": draw(3, 5, 1, 1, steps=False),
        "cv3_b2": draw(3, steps=False),
    }


def chain(node: Any, shape: Any) -> Any:
    return ir.Graph.chain(input=ir.Input(shape), node=node, output=ir.Output(None))


@pytest.mark.parametrize("first_groups", [1, 8], ids=["full", "depthwise first class kernels"])
@pytest.mark.parametrize("per_step", [False, True], ids=["fixed", "per step"])
@pytest.mark.parametrize("neuron", ["none", "if"])
def test_head_equals_its_equations(neuron: str, per_step: bool, first_groups: int) -> None:
    rng = np.random.default_rng(7)
    weights = head_weights(rng, neuron == "if", per_step, first_groups)
    x = rng.integers(0, 2, (STEPS, 2, 8, 5, 7)).astype(float)
    graph = chain(ir.SDDetect(3, 4, 8, **weights, neuron=neuron), (8, 5, 7))
    assert graph.check().ok
    groups = {"cv2": (1, 4, 4), "cv3": (first_groups, 1, 1)}
    expected = head(x, weights, groups, neuron == "if")
    found = run(graph, x, dtype="float64", record="*.spikes" if neuron == "if" else ())
    np.testing.assert_allclose(found.outputs["output"], expected, rtol=1e-12, atol=1e-12)
    assert expected.shape[2:] == graph.shapes["node:out"] == (19, 5, 7)
    assert all(0 < spikes.mean() < 1 for spikes in found.records.values())
    assert len(found.records) == (4 if neuron == "if" else 0)


@pytest.mark.parametrize(
    ("change", "both", "numbers"),
    [
        ({"cv2_w1": (8, 5, 3, 3)}, ("cv2_w1", "cv2_w0"), ("16", "5")),
        ({"cv2_w1": (6, 4, 3, 3), "cv2_b1": (6,)}, ("cv2_w1", "cv2_w0"), ("16", "6")),
        ({"cv3_w0": (8, 3, 3, 3)}, ("cv3_w0", "cv2_w0"), ("8", "3")),
        ({"cv2_w2": (20, 2, 1, 1), "cv2_b2": (20,)}, ("cv2_w2", "reg_max"), ("16", "20")),
        ({"cv3_w2": (4, 5, 1, 1), "cv3_b2": (4,)}, ("num_classes", "cv3_w2"), ("3", "4")),
        ({"cv3_b1": (4,)}, ("cv3_w1", "cv3_b1"), ("5", "4")),
    ],
)
def test_head_channels_that_do_not_fit_are_refused(change: Any, both: Any, numbers: Any) -> None:
    weights = head_weights(np.random.default_rng(0), False, False) | {n: np.ones(s) for n, s in change.items()}
    with pytest.raises(ir.TalonValueError) as caught:
        ir.SDDetect(3, 4, 8, **weights)
    assert caught.value.code == "T201"
    assert all(part in str(caught.value) for part in (*both, *numbers)), str(caught.value)


def test_nothing_of_a_head_is_loaded_before_it_runs() -> None:
    def refuse() -> np.ndarray:
        raise AssertionError("an array was loaded")

    weights = head_weights(np.random.default_rng(0), False, False)
    lazy = {n: None if w is None else ir.ArrayRef(w.dtype, w.shape, refuse) for n, w in weights.items()}
    node = ir.SDDetect.restore({"num_classes": 3, "reg_max": 4, "stride": 8, **lazy, "neuron": "if"})
    assert node.infer((8, 6, 6)) == (19, 6, 6)
    flat = chain(node, (8, 6, 6)).flatten()
    assert {"node.cv2_0", "node.cv2_0_if", "node.cv3_1_if", "node.cv2_mean", "node.cat"} <= flat.nodes.keys()


@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize("weights", [None, [0.5, -1.0, 4.0, 2.0]])
def test_dfl_is_the_expectation_of_a_softmax(weights: Any, extra: int) -> None:
    x = np.random.default_rng(1).normal(0, 3, (2, 3, 16 + extra, 3, 5))
    graph = chain(ir.DFLDecode(4, weights), x.shape[2:])
    powers = np.exp(x[:, :, :16].reshape(2, 3, 4, 4, 3, 5))
    values = np.arange(4.0) if weights is None else np.array(weights)
    expected = np.einsum("tbsrhw,r->tbshw", powers / powers.sum(axis=3, keepdims=True), values)
    result = run(graph, x, dtype="float64")
    found = result.outputs["output"]
    assert graph.shapes["node:out"] == found.shape[2:] == (4 + extra, 3, 5)
    np.testing.assert_allclose(found[:, :, :4], expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(found[:, :, 4:], x[:, :, 16:])
    assert result.counts["node"]["macs"].tolist() == [[16 * 15] * 3] * 2


def test_dfl_with_one_bin_is_identity_unless_the_bin_has_a_value() -> None:
    x = np.random.default_rng(2).normal(size=(1, 1, 6, 2, 2)).astype(np.float32)
    assert np.array_equal(run(chain(ir.DFLDecode(1), (6, 2, 2)), x).outputs["output"], x)
    found = run(chain(ir.DFLDecode(1, [2.5]), (6, 2, 2)), x).outputs["output"]
    assert np.array_equal(found[:, :, :4], np.full((1, 1, 4, 2, 2), 2.5))


def test_dfl_survives_large_logits() -> None:
    x = np.zeros((1, 1, 8, 1, 1))
    x[0, 0, 1] = 1e4
    found = run(chain(ir.DFLDecode(2), (8, 1, 1)), x).outputs["output"].ravel()
    assert found.tolist() == [1.0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("box_format", ["xywh", "xyxy"])
@pytest.mark.parametrize(("offset", "stride"), [(0.5, 8), (0.0, 1), (0.25, 3)])
def test_boxes_from_distances(offset: float, stride: int, box_format: str) -> None:
    x = np.random.default_rng(3).uniform(0, 4, (1, 2, 6, 3, 5))
    node = ir.Dist2BBox(stride, offset=offset, box_format=box_format)
    found = run(chain(node, (6, 3, 5)), x, dtype="float64").outputs["output"]
    expected = np.array(x)
    for row in range(3):
        for column in range(5):
            left, top, right, bottom = np.moveaxis(x[:, :, :4, row, column], 2, 0)
            ax, ay = column + offset, row + offset
            x1, y1, x2, y2 = ax - left, ay - top, ax + right, ay + bottom
            box = (x1, y1, x2, y2) if box_format == "xyxy" else ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
            expected[:, :, :4, row, column] = np.stack(box, axis=2) * stride
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(found[:, :, 4:], x[:, :, 4:])


def test_boxes_state_their_offset_in_every_file() -> None:
    fields = ir.Dist2BBox.fields
    assert {n: (fields[n].default, fields[n].always_stored) for n in ("offset", "box_format")} == {
        "offset": (0.5, True),
        "box_format": ("xywh", False),
    }
    assert ir.NMS.fields["input_format"].always_stored


@pytest.mark.parametrize(
    ("node", "shape", "number"),
    [(ir.DFLDecode(4), (15, 3, 3), "16"), (ir.Dist2BBox(8), (3, 3, 3), "4"), (ir.Dist2BBox(8), (4, 9), "height")],
)
def test_maps_that_hold_no_boxes_are_refused(node: Any, shape: tuple[int, ...], number: str) -> None:
    (error,) = chain(node, shape).check().errors
    assert (error.code, error.node) == ("T104", "node")
    assert number in str(error)
    assert str(shape) in str(error)


@pytest.mark.parametrize(
    "make", [lambda: ir.Dist2BBox(0), lambda: ir.DFLDecode(0), lambda: ir.DFLDecode(3, [1.0, 2.0])]
)
def test_fields_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ir.TalonValueError):
        make()
