"""The ghost primitives against plain numpy functions written from their equations, not from their decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from talon import ir
from talon.engine import run

Weights = dict[str, Any]
STEPS = 4


def conv(x: np.ndarray, weight: np.ndarray, bias: Any, stride: int, pad: int, depthwise: bool = False) -> np.ndarray:
    """Cross-correlation of one step `(B, C, H, W)`."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(padded, weight.shape[-2:], axis=(2, 3))[:, :, ::stride, ::stride]
    how = "bchwij,cij->bchw" if depthwise else "bchwij,ocij->bohw"
    y = np.einsum(how, windows, weight[:, 0] if depthwise else weight)
    return y if bias is None else y + bias[:, None, None]


def at(weight: Any, t: int, rank: int) -> Any:
    """Step t of a weight, of which `rank` axes belong to one step."""
    return weight[t % len(weight)] if weight is not None and weight.ndim > rank else weight


def plain(x: np.ndarray, w: Weights, name: str, stride: int, depthwise: bool = False, pad: Any = None) -> np.ndarray:
    """A convolution over all steps `(T, B, C, H, W)`, padded by half of its kernel."""
    weight, bias = w[f"{name}weight"], w[f"{name}bias"]
    half = weight.shape[-1] // 2 if pad is None else pad
    return np.stack([conv(v, at(weight, t, 4), at(bias, t, 1), stride, half, depthwise) for t, v in enumerate(x)])


def fire(x: np.ndarray, threshold: float | None) -> np.ndarray:
    """Integrate, fire at or above the threshold, reset to zero; without a threshold the values pass."""
    if threshold is None:
        return x
    v, spikes = np.zeros(x.shape[1:]), np.zeros_like(x)
    for t, now in enumerate(x):
        v = v + now
        spikes[t] = v >= threshold
        v = np.where(spikes[t] == 1, 0.0, v)
    return spikes


def ghost(x: np.ndarray, w: Weights, name: str, stride: int, threshold: float | None = None) -> np.ndarray:
    p = fire(plain(x, w, f"{name}primary_", stride), threshold)
    c = fire(plain(p, w, f"{name}cheap_", 1, depthwise=True), threshold)
    return np.concatenate([p, c], axis=2)


def sghostconv(x: np.ndarray, w: Weights, stride: int, threshold: float | None) -> np.ndarray:
    return ghost(x, w, "", stride, threshold)


def encoder(x: np.ndarray, w: Weights, stride: int, threshold: float | None) -> np.ndarray:
    return ghost(fire(plain(x, w, "conv1_", stride), threshold), w, "ghost_", 1, threshold)


def block(x: np.ndarray, w: Weights, stride: int, threshold: float | None) -> np.ndarray:
    y = ghost(x, w, "cv0_", stride)
    z1, z2 = np.split(y, 2, axis=2)
    z3 = ghost(fire(z2, threshold), w, "cv2_", 1)
    if "cvres_primary_weight" in w:
        z3 = z3 + ghost(x, w, "cvres_", stride)
    return fire(np.concatenate([z1, z3], axis=2), threshold)


class Draw:
    """Random weights: on a grid of 1/64 for equality under spikes, or normal; with or without a step axis."""

    def __init__(self, seed: int, dyadic: bool, per_step: bool) -> None:
        self.rng, self.dyadic, self.per_step = np.random.default_rng(seed), dyadic, per_step

    def array(self, *shape: int) -> np.ndarray:
        shape = (3, *shape) if self.per_step else shape
        if self.dyadic:
            return self.rng.integers(-40, 56, shape) / 64
        return self.rng.normal(0, 0.5, shape)

    def ghost(self, name: str, channels: int, half: int, kernel: int, cheap: int = 3) -> Weights:
        return {
            f"{name}primary_weight": self.array(half, channels, kernel, kernel),
            f"{name}primary_bias": self.array(half),
            f"{name}cheap_weight": self.array(half, 1, cheap, cheap),
            f"{name}cheap_bias": None,
        }

    def inputs(self, channels: int, height: int, width: int) -> np.ndarray:
        shape = (STEPS, 2, channels, height, width)
        return self.rng.integers(0, 2, shape).astype(float) if self.dyadic else self.rng.normal(size=shape)


def cases(draw: Draw) -> dict[str, tuple[Any, Any, Weights, int, int]]:
    """Name -> primitive, its function, weights, stride, input channels. Every kernel that has a 1x1 variant has it."""
    stem = {"conv1_weight": draw.array(5, 3, 3, 3), "conv1_bias": draw.array(5)}
    shrink = draw.ghost("cvres_", 6, 2, 1) | draw.ghost("cv0_", 6, 4, 3) | draw.ghost("cv2_", 4, 2, 3)
    pointwise = draw.ghost("cvres_", 6, 2, 3) | draw.ghost("cv0_", 6, 3, 1, cheap=1) | draw.ghost("cv2_", 3, 2, 1)
    return {
        "conv 1x1": (ir.SGhostConv, sghostconv, draw.ghost("", 5, 4, 1), 1, 5),
        "conv 3x3 stride 2": (ir.SGhostConv, sghostconv, draw.ghost("", 5, 4, 3), 2, 5),
        "conv cheap 5x5": (ir.SGhostConv, sghostconv, draw.ghost("", 5, 3, 3, cheap=5), 1, 5),
        "conv cheap 1x1": (ir.SGhostConv, sghostconv, draw.ghost("", 5, 3, 3, cheap=1), 2, 5),
        "encoder": (ir.SGhostEncoderLite, encoder, stem | draw.ghost("ghost_", 5, 3, 1), 2, 3),
        "encoder 5x5": (ir.SGhostEncoderLite, encoder, stem | draw.ghost("ghost_", 5, 3, 3, cheap=5), 1, 3),
        "block 1": (ir.GhostBasicBlock1, block, shrink, 2, 6),
        "block 1 1x1": (ir.GhostBasicBlock1, block, pointwise, 1, 6),
        "block 2": (ir.GhostBasicBlock2, block, draw.ghost("cv0_", 7, 3, 1) | draw.ghost("cv2_", 3, 2, 3), 1, 7),
        "block 2 5x5": (
            ir.GhostBasicBlock2,
            block,
            draw.ghost("cv0_", 7, 3, 3, cheap=5) | draw.ghost("cv2_", 3, 2, 3),
            1,
            7,
        ),
    }


def graph_with(node: Any, shape: tuple[int, ...]) -> Any:
    return ir.Graph.chain(input=ir.Input(shape), node=node, output=ir.Output(None))


@pytest.mark.parametrize("per_step", [False, True], ids=["fixed", "per step"])
@pytest.mark.parametrize("neuron", ["none", "if"])
@pytest.mark.parametrize("name", list(cases(Draw(0, True, False))))
def test_equals_its_equations(name: str, neuron: str, per_step: bool) -> None:
    """Floats to rounding, spikes exactly, on odd and unequal sizes."""
    draw = Draw(len(name), dyadic=neuron == "if", per_step=per_step)
    cls, function, weights, stride, channels = cases(draw)[name]
    x = draw.inputs(channels, 7, 5)
    given: dict[str, Any] = {"neuron": neuron, **weights}
    if "primary_stride" in cls.fields:
        given["primary_stride"] = stride
    elif "stride" in cls.fields:
        given["stride"] = stride
    graph = graph_with(cls(**given), x.shape[2:])
    assert graph.check().ok
    found = run(graph, x, dtype="float64").outputs["output"]
    expected = function(x, weights, stride, 1.0 if neuron == "if" else None)
    assert graph.shapes["node:out"] == expected.shape[2:]
    if neuron == "none":
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    else:
        assert np.array_equal(found, expected)
        assert 0 < expected.mean() < 1
        assert np.array_equal(run(graph, x, dtype="float32").outputs["output"], expected)


@pytest.mark.parametrize("name", ["conv 3x3 stride 2", "encoder", "block 1", "block 2"])
@pytest.mark.parametrize("threshold", [0.5, 1.5])
def test_threshold_of_the_neurons_inside(threshold: float, name: str) -> None:
    draw = Draw(3, dyadic=True, per_step=False)
    cls, function, weights, stride, channels = cases(draw)[name]
    x = draw.inputs(channels, 8, 8)
    given: dict[str, Any] = {field: stride for field in ("stride", "primary_stride") if field in cls.fields}
    node = cls(**weights, **given, neuron="if", v_threshold=threshold)
    found = run(graph_with(node, x.shape[2:]), x).outputs["output"]
    assert np.array_equal(found, function(x, weights, stride, threshold))
    assert not np.array_equal(found, function(x, weights, stride, 1.0))


def test_kernels_need_not_be_square() -> None:
    """A 1x5 and a 3x1 kernel, each padded by half of its own height and width."""
    rng = np.random.default_rng(9)
    primary, cheap = rng.normal(size=(2, 3, 1, 5)), rng.normal(size=(2, 1, 3, 1))
    x = rng.normal(size=(1, 1, 3, 4, 6))
    p = np.einsum("bchwij,ocij->bohw", windows(x[0], (0, 2), (1, 5)), primary)
    c = np.einsum("bchwij,cij->bchw", windows(p, (1, 0), (3, 1)), cheap[:, 0])
    node = ir.SGhostConv(primary, None, cheap, None)
    found = run(graph_with(node, (3, 4, 6)), x, dtype="float64").outputs["output"][0]
    np.testing.assert_allclose(found, np.concatenate([p, c], axis=1), rtol=1e-12)


def windows(x: np.ndarray, pad: tuple[int, int], kernel: tuple[int, int]) -> np.ndarray:
    rows, columns = pad
    return sliding_window_view(np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns))), kernel, axis=(2, 3))


def test_explicit_paddings_and_a_cheap_stride() -> None:
    """Maps of one pixel let a cheap convolution stride; paddings given win over half the kernel."""
    draw = Draw(4, dyadic=False, per_step=False)
    w = draw.ghost("", 2, 3, 5)
    x = draw.inputs(2, 5, 5)
    node = ir.SGhostConv(**w, primary_padding=0, cheap_stride=2, cheap_padding=1)
    p = plain(x, w, "primary_", 1, pad=0)
    c = plain(p, w, "cheap_", 2, depthwise=True, pad=1)
    found = run(graph_with(node, (2, 5, 5)), x, dtype="float64").outputs["output"]
    np.testing.assert_allclose(found, np.concatenate([p, c], axis=2), rtol=1e-12)


def test_running_on_goes_on() -> None:
    """Two steps and two more from the state are four steps, step axis and membranes included."""
    draw = Draw(5, dyadic=True, per_step=True)
    cls, _, weights, stride, channels = cases(draw)["encoder"]
    x = draw.inputs(channels, 6, 7)
    graph = graph_with(cls(**weights, stride=stride, neuron="if"), x.shape[2:])
    whole = run(graph, x).outputs["output"]
    first = run(graph, x[:2])
    second = run(graph, x[2:], state=first.state)
    assert np.array_equal(np.concatenate([first.outputs["output"], second.outputs["output"]]), whole)


def test_counts_before_a_blocks_neuron_are_of_float_values() -> None:
    """In a block only the convolution behind its neuron reads spikes; in an SGhostConv the cheap one does."""
    draw = Draw(6, dyadic=True, per_step=False)
    cls, _, weights, stride, channels = cases(draw)["block 1"]
    x = draw.inputs(channels, 8, 8) / 2
    counts = run(graph_with(cls(**weights, stride=stride, neuron="if"), x.shape[2:]), x).counts
    binary = {
        path: counts[f"node/{path}"]["binary_input"].all() for path in ("cv0/primary", "cv2/primary", "cv2/cheap")
    }
    assert binary == {"cv0/primary": False, "cv2/primary": True, "cv2/cheap": False}
    cls, _, weights, stride, channels = cases(draw)["conv 1x1"]
    x = draw.inputs(channels, 8, 8) / 2
    counts = run(graph_with(cls(**weights, neuron="if"), x.shape[2:]), x).counts
    assert counts["node/cheap"]["binary_input"].all()
    assert counts["node/primary"]["macs"].sum() == STEPS * 2 * 8 * 8 * 4 * 5
