"""What users write. Both type checkers must accept every line, and see the types that are asserted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np

from talon import ir
from talon.detect import NMS
from talon.engine import Result, State, run
from talon.ghost import SGhostConv
from talon.hw import check, target
from talon.ir import LIF, Conv2d, Graph

conv = Conv2d(np.zeros((4, 3, 3, 3)), None, stride=2, padding="same", groups=1)
assert_type(conv.weight, np.ndarray)
assert_type(conv.bias, np.ndarray | None)
assert_type(conv.stride, tuple[int, int])
assert_type(conv.groups, int)
assert_type(conv.metadata, Mapping[str, Any])
changed: Conv2d = conv.changed(groups=1)

neuron = LIF([1.0, 2.0], 1.0, 0.0, np.ones(2), reset="subtract", reset_delay=1, core_id=3, metadata={"a": 1})
assert_type(neuron.tau, np.ndarray)
assert_type(neuron.v_reset, np.ndarray)
assert_type(neuron.core_id, int | None)

pool = ir.MaxPool2d((2, 2), ceil_mode=True)
assert_type(pool.stride, tuple[int, int] | None)
norm = ir.BatchNorm2d(3, None, None, np.zeros(3), np.ones(3), eps=1e-3)
split = ir.ChannelSplit([1, 2], dim=0)
assert_type(split.split_sections, tuple[int, ...])
ghost: SGhostConv = SGhostConv(np.zeros((4, 3, 1, 1)), None, np.zeros((4, 1, 3, 3)), None, neuron="if")
nms = NMS(score_threshold=0.3, scores="probabilities")
assert_type(nms.max_detections, int)
anything = ir.SGhostConv(1, 2, 3)

graph = Graph({"in": ir.Input([3]), "out": ir.Output([3])}, [("in", "out"), ir.Edge("in", "out", delay=1)], dt=0.001)
assert_type(graph.dt, float | None)
assert_type(graph.nodes, Mapping[str, ir.Node])
assert_type(graph.edges, tuple[ir.Edge, ...])
assert_type(graph.is_dag, bool)
chained: Graph = ir.Graph.chain(ir.Input([1]), out=ir.Output([1]))
for src, dst in graph.edges:
    assert_type(src, str)
    assert_type(dst, str)
assert_type(graph.check().ok, bool)
assert_type(graph.fingerprint(), str)

ir.write("net.t1c", graph, overwrite=False)
again: Graph = ir.read("net.t1c", lazy=False)
assert_type(ir.info("net.t1c").size, int)
assert_type(ir.list_primitives(), list[str])

result = run(graph, np.zeros((1, 1, 3)), record=["*.spikes"], dtype="float64")
assert_type(result, Result)
assert_type(result.state, State)
assert_type(result.outputs["out"], np.ndarray)
assert_type(result.counts.total(), dict[str, int])
fits: bool = check(graph, target("generic-mesh")).ok

quantised = ir.Affine(ir.Quantized(np.ones((2, 3), np.int8), 0.5, 8), ir.Quantized(np.ones(2, np.int16), 0.5, 16))
assert_type(quantised.quant["weight"].bits, int)
assert_type(quantised.quant["weight"].scale, np.ndarray)

try:
    ir.Affine(np.zeros((2, 2)))
except ir.TalonError as error:
    assert_type(error.code, str)
    assert_type(error.help, str | None)


class Doubler(ir.Primitive):
    """A primitive of one's own."""

    def infer(self, *inputs: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(2 * inputs[0])
