"""Composites against graphs of leaves that are written out here by hand: outputs, states, counts, records, paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run

STEPS = 5
Weights = dict[str, Any]


class Flat:
    """A graph of leaves that grows; nodes are called by the paths that they have inside the composite `node`."""

    def __init__(self, weights: Weights, neurons: bool) -> None:
        self.weights, self.neurons = weights, neurons
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, path: str, node: Any, *sources: str) -> str:
        self.nodes[f"node/{path}"] = node
        self.edges += [(source, f"node/{path}") for source in sources]
        return f"node/{path}"

    def conv(self, path: str, field: str, source: str, stride: int = 1, groups: int = 1) -> str:
        """A convolution padded by half of its kernel, from the fields `{field}weight` and `{field}bias`."""
        weight, bias = self.weights[field.replace("*", "weight")], self.weights[field.replace("*", "bias")]
        pads = weight.shape[-2] // 2, weight.shape[-1] // 2
        return self.add(path, ir.Conv2d(weight, bias, stride, pads, groups=groups), source)

    def fire(self, path: str, source: str) -> str:
        return self.add(path, ir.IF(1.0), source) if self.neurons else source

    def ghost(self, path: str, field: str, source: str, stride: int = 1, inner: bool = False) -> str:
        """Primary and cheap maps beside each other; `inner`: neurons after each convolution, if there are any."""
        maps = self.weights[f"{field}cheap_weight"].shape[-4]
        p = self.conv(f"{path}primary", f"{field}primary_*", source, stride)
        p = self.fire(f"{path}primary_if", p) if inner else p
        c = self.conv(f"{path}cheap", f"{field}cheap_*", p, groups=maps)
        c = self.fire(f"{path}cheap_if", c) if inner else c
        return self.add(f"{path}cat", ir.Concat(2), p, c)

    def graph(self, shape: tuple[int, ...], last: str) -> ir.Graph:
        named = {path.replace("/", "."): node for path, node in self.nodes.items()}
        edges = [(src.replace("/", "."), dst.replace("/", ".")) for src, dst in self.edges]
        nodes = {"input": ir.Input(shape), **named, "output": ir.Output(None)}
        return ir.Graph(nodes, [*edges, (last.replace("/", "."), "output")])


def separable(flat: Flat) -> str:
    mid = flat.weights["depthwise_weight"].shape[-4]
    w = flat.weights
    d = ir.Conv2d(w["depthwise_weight"], w["depthwise_bias"], (2, 1), (1, 2), (1, 2), groups=mid)
    middle = flat.add("depthwise", d, "input")
    return flat.conv("pointwise", "pointwise_*", middle)


def ghost_conv(flat: Flat) -> str:
    return flat.ghost("", "", "input", 2, inner=True)


def encoder(flat: Flat) -> str:
    stem = flat.fire("conv1_if", flat.conv("conv1", "conv1_*", "input", 2))
    return flat.ghost("ghost/", "ghost_", stem, inner=True)


def block(flat: Flat, stride: int, residual: bool) -> str:
    half = flat.weights["cv0_cheap_weight"].shape[-4]
    split = flat.add("split", ir.ChannelSplit([half, half]), flat.ghost("cv0/", "cv0_", "input", stride))
    z2 = flat.fire("split_if", f"{split}:1")
    z3 = flat.ghost("cv2/", "cv2_", z2)
    if residual:
        z3 = flat.add("add", ir.Skip("residual"), z3, flat.ghost("cvres/", "cvres_", "input", stride))
    return flat.fire("cat_if", flat.add("cat", ir.Concat(2), f"{split}:0", z3))


def head(flat: Flat) -> str:
    ends = []
    for branch, groups in (("cv2", (1, 4, 1)), ("cv3", (6, 1, 1))):
        last = "input"
        for place in range(3):
            path = f"{branch}_{place}"
            name = {"weight": f"{branch}_w{place}", "bias": f"{branch}_b{place}"}
            flat.weights |= {f"{path}_{part}": flat.weights[field] for part, field in name.items()}
            last = flat.conv(path, f"{path}_*", last, groups=groups[place])
            last = flat.fire(f"{path}_if", last) if place < 2 else last
        ends.append(flat.add(f"{branch}_mean", ir.StepMean(), last) if flat.neurons else last)
    return flat.add("cat", ir.Concat(2), *ends)


class Draw:
    """Weights on a grid of 1/64, so that spikes do not hang on rounding; with `steps`, that many on a step axis."""

    def __init__(self, seed: int, steps: int) -> None:
        self.rng, self.steps = np.random.default_rng(seed), steps

    def __call__(self, *shape: int) -> np.ndarray:
        shape = (self.steps, *shape) if self.steps else shape
        return (self.rng.integers(-40, 64, shape) / 64).astype(np.float32)

    def ghost(self, field: str, channels: int, half: int, kernel: int, cheap: int) -> Weights:
        return {
            f"{field}primary_weight": self(half, channels, kernel, kernel),
            f"{field}primary_bias": self(half),
            f"{field}cheap_weight": self(half, 1, cheap, cheap),
            f"{field}cheap_bias": None,
        }

    def head(self) -> Weights:
        """6 channels, 4 bins, 3 classes; the second box kernels have 4 groups, the first class ones are depthwise."""
        shapes = {
            "cv2_w0": (8, 6, 3, 3), "cv2_w1": (8, 2, 3, 3), "cv2_w2": (16, 8, 1, 1),
            "cv3_w0": (6, 1, 3, 3), "cv3_w1": (4, 6, 3, 3), "cv3_w2": (3, 4, 1, 1),
        }  # fmt: skip
        weights = {name: self(*shape) for name, shape in shapes.items()}
        biases: Weights = {name.replace("_w", "_b"): self(shape[0]) for name, shape in shapes.items()}
        return weights | biases | {"cv3_b0": None}


Case = tuple[type[Any], Callable[[Draw], Weights], dict[str, Any], Callable[[Flat], str], tuple[int, int, int]]
CASES: dict[str, Case] = {
    "separable": (
        ir.SepConv2d,
        lambda draw: {
            "depthwise_weight": draw(4, 1, 3, 3),
            "pointwise_weight": draw(6, 4, 1, 1),
            "depthwise_bias": draw(4),
            "pointwise_bias": None,
        },
        {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)},
        separable,
        (4, 7, 5),
    ),
    "ghost conv": (
        ir.SGhostConv,
        lambda draw: draw.ghost("", 5, 4, 3, 5),
        {"primary_stride": 2},
        ghost_conv,
        (5, 7, 5),
    ),
    "encoder": (
        ir.SGhostEncoderLite,
        lambda draw: {"conv1_weight": draw(4, 3, 3, 3), "conv1_bias": draw(4)} | draw.ghost("ghost_", 4, 3, 1, 3),
        {"stride": 2},
        encoder,
        (3, 9, 7),
    ),
    "block 1": (
        ir.GhostBasicBlock1,
        lambda draw: draw.ghost("cvres_", 6, 2, 1, 3) | draw.ghost("cv0_", 6, 4, 3, 3) | draw.ghost("cv2_", 4, 2, 3, 1),
        {"stride": 2},
        lambda flat: block(flat, 2, residual=True),
        (6, 7, 9),
    ),
    "block 2": (
        ir.GhostBasicBlock2,
        lambda draw: draw.ghost("cv0_", 6, 3, 1, 5) | draw.ghost("cv2_", 3, 2, 3, 3),
        {},
        lambda flat: block(flat, 1, residual=False),
        (6, 5, 7),
    ),
    "head": (
        ir.SDDetect,
        lambda draw: {"num_classes": 3, "reg_max": 4, "stride": 8, **draw.head()},
        {},
        head,
        (6, 5, 7),
    ),
}
SETTINGS = [
    pytest.param(name, neuron, steps, id=f"{name}-{neuron}-{steps or 'fixed'}")
    for name in CASES
    for neuron in (("none",) if name == "separable" else ("none", "if"))
    for steps in (0, 3)
]


@pytest.mark.parametrize(("name", "neuron", "steps"), SETTINGS)
def test_agrees_with_a_flat_graph_made_by_hand(name: str, neuron: str, steps: int) -> None:
    cls, make, fields, wire, shape = CASES[name]
    weights = make(Draw(len(name), steps))
    given = {"neuron": neuron} if "neuron" in cls.fields else {}
    node = cls(**weights, **fields, **given)
    whole = ir.Graph.chain(input=ir.Input(shape), node=node, output=ir.Output(None))
    flat = Flat(dict(weights), neuron == "if")
    last = wire(flat)
    leaves = flat.graph(shape, last)
    paths = {path.replace("/", "."): path for path in flat.nodes}

    # Provenance: every leaf of the hand-built graph stands in the flattened one, under its path, with its type.
    found = {n: p for n, p in whole.flatten().provenance.items() if not p.endswith(("/input", "/output"))}
    assert found == {**paths, "input": "input", "output": "output"}
    assert whole.shapes["node:out"] == leaves.shapes[last.replace("/", ".").partition(":")[0] + ":out"]

    x = np.random.default_rng(1).integers(0, 2, (STEPS, 2, *shape)).astype(np.float32)
    neurons = [path for path, leaf in flat.nodes.items() if isinstance(leaf, ir.IF)]
    inner = run(whole, x, record=[f"{path}.{what}" for path in neurons for what in ("spikes", "v")])
    outer = run(leaves, x, record=[f"{path.replace('/', '.')}.{what}" for path in neurons for what in ("spikes", "v")])
    assert np.array_equal(inner.outputs["output"], outer.outputs["output"])
    assert inner.records.keys() == {f"{path}.{what}" for path in neurons for what in ("spikes", "v")}
    for key, values in inner.records.items():
        assert np.array_equal(values, outer.records[key.replace("/", ".")]), key
        assert not key.endswith(".spikes") or 0 < values.mean() < 1

    assert inner.state.step == outer.state.step == STEPS
    assert inner.state.nodes.keys() == {paths[name] for name in outer.state.nodes}
    for flat_name, state in outer.state.nodes.items():
        assert inner.state.nodes[paths[flat_name]].keys() == state.keys()
        assert all(np.array_equal(inner.state.nodes[paths[flat_name]][n], value) for n, value in state.items())

    assert inner.counts.keys() == {paths[name] for name in outer.counts}
    for flat_name, counts in outer.counts.items():
        assert inner.counts[paths[flat_name]].keys() == counts.keys()
        assert all(np.array_equal(inner.counts[paths[flat_name]][q], value) for q, value in counts.items()), flat_name
    assert inner.counts.total("node") == outer.counts.total()
    assert outer.counts.total()["macs"] > 0


@pytest.mark.parametrize("name", [name for name in CASES if name != "separable"])
def test_a_state_of_the_flat_graph_goes_on_in_the_composite(name: str) -> None:
    """The two keep the same state under names that differ by the separator, step index of weights included."""
    cls, make, fields, wire, shape = CASES[name]
    weights = make(Draw(len(name), 3))
    whole = ir.Graph.chain(input=ir.Input(shape), node=cls(**weights, **fields, neuron="if"), output=ir.Output(None))
    flat = Flat(dict(weights), True)
    leaves = flat.graph(shape, wire(flat))
    x = np.random.default_rng(2).integers(0, 2, (STEPS, 2, *shape)).astype(np.float32)
    state = run(leaves, x[:2]).state
    state.nodes = {name.replace(".", "/"): values for name, values in state.nodes.items()}
    rest = run(whole, x[2:], state=state).outputs["output"]
    assert np.array_equal(rest, run(whole, x).outputs["output"][2:])
    assert not np.array_equal(rest, run(whole, x[2:]).outputs["output"])


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize(
    "fields", [{}, {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}, {"padding": "same", "dilation": 2}]
)
def test_separable_convolution_equals_its_equation(fields: dict[str, Any], steps: int) -> None:
    """Two loops over the places of the output: one kernel a channel, then a matrix over the channels."""
    draw = Draw(3, steps)
    depthwise, pointwise, first, second = draw(3, 1, 3, 3), draw(2, 3, 1, 1), draw(3), draw(2)
    node = ir.SepConv2d(depthwise, pointwise, first, second, **fields)
    graph = ir.Graph.chain(input=ir.Input([3, 8, 9]), node=node, output=ir.Output(None))
    x = np.random.default_rng(4).normal(size=(STEPS, 2, 3, 8, 9))
    dy, dx = np.broadcast_to(fields.get("dilation", 1), 2)
    sy, sx = np.broadcast_to(fields.get("stride", 1), 2)
    py, px = (dy, dx) if fields.get("padding") == "same" else np.broadcast_to(fields.get("padding", 0), 2)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (py, py), (px, px)))
    rows, columns = (8 + 2 * py - 2 * dy - 1) // sy + 1, (9 + 2 * px - 2 * dx - 1) // sx + 1
    expected = np.zeros((STEPS, 2, 2, rows, columns))
    for t, i, j in np.ndindex(STEPS, rows, columns):
        d, p, b, c = (w[t % steps] if steps else w for w in (depthwise, pointwise, first, second))
        window = padded[t, :, :, i * sy : i * sy + 2 * dy + 1 : dy, j * sx : j * sx + 2 * dx + 1 : dx]
        middle = (window * d[:, 0]).sum(axis=(2, 3)) + b
        expected[t, :, :, i, j] = middle @ p[:, :, 0, 0].T + c
    found = run(graph, x, dtype="float64").outputs["output"]
    assert graph.shapes["node:out"] == (2, rows, columns)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
