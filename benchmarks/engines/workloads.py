"""The networks that engines are measured with, from fixed seeds.

Weights lie on a grid of 1/1024 and membranes halve at every step, so that every sum and every leak is exact in float32
or rounds once, in whatever order and by whatever formula a product computes it: equal networks then send equal spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from talon import ir

GRID = 1024


@dataclass(frozen=True)
class Workload:
    """`inputs` are `(T, B, *shape)`; where `repeat` is given it is one step, shown that often."""

    graph: ir.Graph
    inputs: np.ndarray
    repeat: int | None = None

    @property
    def steps(self) -> int:
        return self.repeat or len(self.inputs)


def gridded(values: np.ndarray) -> np.ndarray:
    return (np.rint(values * GRID) / GRID).astype(np.float32)


def weights(rng: np.random.Generator, *shape: int, deviation: float) -> np.ndarray:
    return gridded(rng.standard_normal(shape) * deviation)


def events(rng: np.random.Generator, rate: float, *shape: int) -> np.ndarray:
    return (rng.random(shape, np.float32) < rate).astype(np.float32)


def lif(**fields: object) -> ir.LIF:
    """`v <- v/2 + x`."""
    return ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0, **fields)


def w1(batch: int, steps: int = 100, hidden: int = 512, rate: float = 0.1) -> Workload:
    """784-512-10."""
    rng = np.random.default_rng(1)
    graph = ir.Graph.chain(
        input=ir.Input([784]),
        fc1=ir.Affine(weights(rng, hidden, 784, deviation=0.0168 / max(rate, 0.003) ** 0.5)),
        lif1=lif(),
        fc2=ir.Affine(weights(rng, 10, hidden, deviation=3.6 / hidden**0.5)),
        lif2=lif(),
        output=ir.Output([10]),
    )
    return Workload(graph, events(rng, rate, steps, batch, 784))


def w2(batch: int) -> Workload:
    """Two small convolutions with pools, and a layer of ten."""
    rng = np.random.default_rng(2)
    graph = ir.Graph.chain(
        input=ir.Input([1, 28, 28]),
        conv1=ir.Conv2d(weights(rng, 8, 1, 3, 3, deviation=0.52), padding=(1, 1)),
        lif1=lif(),
        pool1=ir.MaxPool2d((2, 2)),
        conv2=ir.Conv2d(weights(rng, 16, 8, 3, 3, deviation=0.165), padding=(1, 1)),
        lif2=lif(),
        pool2=ir.MaxPool2d((2, 2)),
        flat=ir.Flatten(),
        fc=ir.Affine(weights(rng, 10, 784, deviation=0.06)),
        lif3=lif(),
        output=ir.Output([10]),
    )
    return Workload(graph, events(rng, 0.13, 25, batch, 1, 28, 28))


STAGES = ((16, 0.75), (32, 0.7), (64, 0.85), (128, 0.9))
"""Channels of the ghost stages, and what their pointwise weights are scaled by."""


def w3() -> Workload:
    """A stem of stride 2, four ghost stages, and a head without neurons."""
    rng = np.random.default_rng(3)
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([3, 160, 160]),
        "stem": ir.Conv2d(weights(rng, 16, 3, 3, 3, deviation=0.36), stride=(2, 2), padding=(1, 1)),
        "stem_lif": lif(),
    }
    edges = [("input", "stem"), ("stem", "stem_lif")]
    last = "stem_lif"
    for stage, (channels, scale) in enumerate(STAGES):
        if stage:
            nodes[f"pool{stage}"] = ir.MaxPool2d((2, 2))
            edges.append((last, f"pool{stage}"))
            last = f"pool{stage}"
        point, deep = f"point{stage}", f"deep{stage}"
        nodes[point] = ir.Conv2d(weights(rng, channels, channels, 1, 1, deviation=scale * 2 / channels**0.5))
        nodes[f"{point}_lif"] = lif()
        nodes[deep] = ir.Conv2d(weights(rng, channels, 1, 3, 3, deviation=0.5), padding=(1, 1), groups=channels)
        nodes[f"{deep}_lif"] = lif()
        nodes[f"join{stage}"] = ir.Concat()
        edges += [(last, point), (point, f"{point}_lif"), (f"{point}_lif", deep), (deep, f"{deep}_lif")]
        edges += [(f"{point}_lif", f"join{stage}"), (f"{deep}_lif", f"join{stage}")]
        last = f"join{stage}"
    nodes |= {"head": ir.Conv2d(weights(rng, 64, 256, 1, 1, deviation=0.1)), "output": ir.Output([64, 10, 10])}
    edges += [(last, "head"), ("head", "output")]
    return Workload(ir.Graph(nodes, edges), events(rng, 0.2, 4, 1, 3, 160, 160))


def w4(neurons: int = 20_000, fan_out: int = 100, steps: int = 200) -> Workload:
    """Neurons with a constant drive that excite and inhibit each other at random, a step later."""
    rng = np.random.default_rng(4)
    drive = gridded(rng.uniform(0.0, 0.501, neurons))
    v_init = gridded(rng.random(neurons))
    targets = np.sort(rng.integers(0, neurons, (neurons, fan_out), dtype=np.int32), axis=1)
    data = weights(rng, neurons, fan_out, deviation=0.055)
    recurrent = by_target(targets, data)
    nodes = {
        "input": ir.Input([neurons]),
        "synapses": ir.Affine(recurrent),
        "lif": lif(v_init=v_init),
        "output": ir.Output([neurons]),
    }
    edges = [("input", "lif"), ("lif", "synapses"), ("synapses", "lif"), ("lif", "output")]
    return Workload(ir.Graph(nodes, edges), drive[None, None], steps)


def by_target(targets: np.ndarray, data: np.ndarray) -> ir.CSR:
    """Rows are targets, columns the neurons that excite them; weights of one pair are summed."""
    neurons, fan_out = targets.shape
    keys = targets.ravel().astype(np.int64) * neurons + np.repeat(np.arange(neurons), fan_out)
    pairs, where = np.unique(keys, return_inverse=True)
    summed = np.bincount(where, data.ravel()).astype(np.float32)
    indptr = np.searchsorted(pairs, np.arange(neurons + 1) * neurons)
    return ir.CSR(indptr, pairs % neurons, summed, (neurons, neurons))


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "W1 B1": lambda: w1(1),
    "W1 B64": lambda: w1(64),
    "W2 B1": lambda: w2(1),
    "W2 B16": lambda: w2(16),
    "W3": w3,
    "W4": w4,
}
