"""What the host computes behind the chip, ghost layers and detectors: the same bits as the integer engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import Result, run
from tests.golden import conftest as golden
from tests.golden import test_vectors
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ROOMY, agree, split, targets_for

RNG = np.random.default_rng(24)


def normal(*shape: int, size: float = 1.0) -> np.ndarray:
    return (RNG.standard_normal(shape) * size).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def front() -> dict[str, Any]:
    return {"in": ir.Input([6]), "fc": ir.Affine(normal(8, 6)), "a": ir.LIF(3.0, 2.0, 0.0, 0.6)}


FRONT: list[Any] = [("in", "fc"), ("fc", "a")]

TAILS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "softmax of sums": (
        {"f2": ir.Affine(normal(4, 8), normal(4)), "soft": ir.Softmax(4, -1), "out": ir.Output([4])},
        [("a", "f2"), ("f2", "soft"), ("soft", "out")],
    ),
    "mean over the steps": (
        {"mean": ir.StepMean(), "out": ir.Output([8]), "spikes": ir.Output([8])},
        [("a", "mean"), ("mean", "out"), ("a", "spikes")],
    ),
    "mean of late spikes": (
        {"mean": ir.StepMean(), "out": ir.Output([8])},
        [ir.Edge("a", "mean", delay=2), ("mean", "out")],
    ),
    "several things of the host meet what the chip gives": (
        {"relu": ir.ReLU(8), "tanh": ir.Tanh(8), "add": ir.Skip("residual"), "join": ir.Concat(3),
         "gelu": ir.GELU(24), "out": ir.Output([24]), "mean": ir.StepMean(), "sum": ir.Output([8])},
        [("a", "relu"), ("a", "tanh"), ("relu", "add"), ir.Edge("a", "add", delay=1), ("tanh", "add"),
         ("add", "join"), ("a", "join"), ("tanh", "join"), ("join", "gelu"), ("gelu", "out"),
         ("relu", "mean"), ir.Edge("a", "mean", delay=2), ("mean", "sum")],
    ),
    "late on the host itself": (
        {"relu": ir.ReLU(8), "mean": ir.StepMean(), "out": ir.Output([8])},
        [("a", "relu"), ir.Edge("relu", "mean", delay=3), ("mean", "out")],
    ),
    "taken twice on the host itself": (
        {"relu": ir.ReLU(8), "mean": ir.StepMean(), "out": ir.Output([8])},
        [("a", "relu"), ("relu", "mean"), ir.Edge("relu", "mean", delay=0), ("mean", "out")],
    ),
    "what the host computes for nobody": (
        {"relu": ir.ReLU(8), "soft": ir.Softmax(8, -1), "out": ir.Output([8])},
        [("a", "relu"), ("relu", "soft"), ("a", "out")],
    ),
    "some for nobody and some not": (
        {"relu": ir.ReLU(8), "soft": ir.Softmax(8, -1), "out": ir.Output([8])},
        [("a", "relu"), ("a", "soft"), ("soft", "out")],
    ),
    "straight from the input": (
        {"tanh": ir.Tanh(6), "out": ir.Output([6]), "spikes": ir.Output([8])},
        [("in", "tanh"), ("tanh", "out"), ("a", "spikes")],
    ),
    "names that the host's inputs would have": (
        {"m": ir.StepMean(), "m_0": ir.Softmax(8, -1), "add": ir.Skip("residual"), "out": ir.Output([8])},
        [("a", "m"), ("a", "m_0"), ("m", "add"), ("m_0", "add"), ("add", "out")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("tail", TAILS)
def test_tails(tail: str) -> None:
    nodes, edges = TAILS[tail]
    for build, _ in split(ir.Graph(front() | nodes, [*FRONT, *edges]), spikes(8, 3, 6), parts=(1, 3)):
        assert (build.host is None) == (tail == "what the host computes for nobody")


def test_convolutions_whose_maps_the_host_resizes() -> None:
    graph = ir.Graph.chain(
        ir.Input([2, 5, 5]),
        ir.Conv2d(normal(4, 2, 3, 3), padding=1),
        ir.IF(0.8),
        ir.Upsample(2, mode="bilinear"),
        ir.Flatten(),
        ir.Output(None),
    )
    split(graph, spikes(6, 2, 2, 5, 5))


@pytest.mark.parametrize("stride", [1, 2])
def test_ghost_layers(stride: int) -> None:
    """Two maps of neurons, joined; the cheap one reads a channel at a time."""
    graph = ir.Graph.chain(
        ir.Input([2, 6, 6]),
        ir.SGhostConv(normal(4, 2, 3, 3), None, normal(4, 1, 3, 3), None, stride, neuron="if"),
        ir.SGhostConv(normal(3, 8, 3, 3), normal(3), normal(3, 1, 3, 3), normal(3), neuron="if", v_threshold=0.7),
        ir.Flatten(),
        ir.Affine(normal(5, 6 * (36 // stride**2))),
        ir.LIF(2.0, 2.0, 0.0, 0.7),
        ir.Output([5]),
    )
    found = split(graph, spikes(6, 2, 2, 6, 6))
    assert found[-1][1].packets > 0


def detector() -> tuple[ir.Graph, np.ndarray]:
    """A ghost encoder and two heads, whose maps the host averages, decodes and suppresses."""

    def kernels(out: int, into: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        return normal(out, into, size, size, size=0.4), normal(out, size=0.1)

    def head(stride: int) -> Any:
        box = [*kernels(8, 8, 3), *kernels(8, 8, 3), *kernels(16, 8, 1)]
        classes = [*kernels(6, 8, 3), *kernels(6, 6, 3), *kernels(2, 6, 1)]
        return ir.SDDetect(2, 4, stride, *box, *classes, neuron="if", v_threshold=0.5)

    nodes: dict[str, Any] = {
        "in": ir.Input([2, 8, 8]),
        "ghost": ir.SGhostConv(normal(4, 2, 3, 3), None, normal(4, 1, 3, 3), None, neuron="if", v_threshold=0.5),
        "down": ir.MaxPool2d(2),
        "nms": ir.NMS(max_detections=20, comparator="gt"),
        "out": ir.Output([20, 6]),
    }
    edges: list[Any] = [("in", "ghost"), ("ghost", "down"), ("nms", "out")]
    for stride, source in ((8, "ghost"), (16, "down")):
        names = [f"{name}{stride}" for name in ("detect", "dfl", "box")]
        nodes |= dict(zip(names, (head(stride), ir.DFLDecode(4), ir.Dist2BBox(stride)), strict=True))
        edges += [(source, names[0]), *zip(names, [*names[1:], "nms"], strict=True)]
    return ir.Graph(nodes, edges), spikes(4, 2, 2, 8, 8)


def test_detectors() -> None:
    graph, x = detector()
    found = split(graph, x, parts=(1, 7))
    for build, result in found:
        assert build.host is not None
        assert {"NMS", "DFLDecode", "Dist2BBox", "StepMean"} <= {type(n).__name__ for n in build.host.nodes.values()}
        (boxes,) = result.outputs.values()
        assert np.count_nonzero(boxes[..., 4])


def test_what_is_held_over_the_steps() -> None:
    nodes, edges = TAILS["mean over the steps"]
    x = spikes(3, 6)
    split(ir.Graph(front() | nodes, [*FRONT, *edges]), x, repeat=7, parts=(1, 3))


FILES = [entry["file"] for entry in golden.INDEX if entry["file"].startswith("prim/")]
MESH = chip(ROOMY, payload__bits=24)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cores of each build that the tests of the fixtures made, in place of their runs."""
    cores: list[int] = []

    def deployed(graph: ir.Graph, inputs: Any, **how: Any) -> Result:
        repeat = how.get("repeat")
        try:
            quantised = hw.quantize(graph, MESH, calibration=inputs, repeat=repeat)
            targets = targets_for(quantised, (1, 3), payload__bits=24)
        except ir.TalonError:
            # What has no integers is for others to test.
            targets = []
        if targets:
            cores.extend(build.cores for build, _ in agree(quantised, inputs, targets, repeat))
        return run(graph, inputs, **how)

    monkeypatch.setattr(test_vectors, "run", deployed)
    return cores


def test_golden_primitives(ran: list[int]) -> None:
    """Every fixture of one primitive that can be quantised."""
    for file in FILES:
        case = golden.load(file)
        check: Callable[..., None] = test_vectors.CHECKS.get(case.meta["primitive"], test_vectors.check_leaf)
        check(case, "float32")
    assert len(ran) > 40
    assert max(ran) > 1
