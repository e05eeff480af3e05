"""Small graphs that every engine is tried on, one for each thing that engines get wrong; weights are of every kind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from talon.ir.declare import Array, per_neuron
from talon.ir.edges import Edge
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitive import Composite
from talon.ir.primitives.activation import GELU, Softmax
from talon.ir.primitives.boundary import Input, Output
from talon.ir.primitives.convolution import Conv1d, Conv2d, SDConv
from talon.ir.primitives.linear import Affine
from talon.ir.primitives.neurons import IF, LIF
from talon.ir.primitives.spatial import AvgPool2d, Flatten, MaxPool2d
from talon.ir.primitives.structure import ChannelSplit, Concat, Skip
from talon.testing.floats import arbitrary


class Pair(Composite):
    """Two neurons in a row: a composite for tests of engines."""

    v_threshold: Array = per_neuron(doc="threshold of both")

    def decompose(self) -> Graph:
        both = {"v_threshold": self.raw("v_threshold")}
        nodes: dict[str, Node] = {"x": Input(None), "first": IF.restore(both), "second": IF.restore(both)}
        return Graph({**nodes, "y": Output(None)}, [("x", "first"), ("first", "second"), ("second", "y")])


def weight(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Ordinary weights with arbitrary ones among them; the largest of those are left out."""
    odd = arbitrary(rng, *shape)
    chosen = np.where((rng.random(shape) < 0.2) & (np.abs(odd) < 10), odd, rng.standard_normal(shape))
    return chosen.astype(np.float32)


def neuron(**how: Any) -> LIF:
    return LIF(3.0, 1.5, 0.0625, 0.5, **how)


def layers(rng: np.random.Generator) -> Graph:
    """Affines and neurons, also on samples of two axes."""
    return Graph.chain(
        input=Input([2, 7]),
        fc1=Affine(weight(rng, 9, 7), weight(rng, 9)),
        lif=neuron(),
        flat=Flatten(),
        fc2=Affine(weight(rng, 5, 18)),
        act=GELU(5),
        soft=Softmax(5),
        output=Output([5]),
    )


def maps(rng: np.random.Generator) -> Graph:
    """Convolutions with stride, padding, dilation and groups, and pools."""
    return Graph.chain(
        input=Input([2, 9, 8]),
        conv=Conv2d(weight(rng, 9, 2, 3, 3), weight(rng, 9), stride=(1, 2), padding=(1, 2)),
        if1=IF(0.75),
        depthwise=SDConv(weight(rng, 9, 1, 3, 2), weight(rng, 9), padding=1, dilation=2),
        lif=neuron(),
        grouped=Conv2d(weight(rng, 6, 3, 2, 2), groups=3),
        mean=AvgPool2d((2, 2), ceil_mode=True),
        most=MaxPool2d((2, 1)),
        output=Output(None),
    )


def sequence(rng: np.random.Generator) -> Graph:
    """Convolutions over one axis."""
    first = Conv1d(weight(rng, 6, 4, 3), weight(rng, 6), stride=2, padding=3)
    second = Conv1d(weight(rng, 6, 3, 2), padding="same", dilation=2, groups=2)
    return Graph.chain(input=Input([4, 11]), conv=first, lif=neuron(), conv2=second, output=Output(None))


def step_axes(rng: np.random.Generator) -> Graph:
    """Weights that differ by step, of several lengths."""
    return Graph.chain(
        input=Input([2, 5, 5]),
        conv=Conv2d(weight(rng, 3, 4, 2, 3, 3), weight(rng, 2, 4), padding=1),
        lif=neuron(),
        flat=Flatten(),
        fc=Affine(weight(rng, 2, 6, 100), weight(rng, 3, 6)),
        output=Output([6]),
    )


def recurrent(rng: np.random.Generator) -> Graph:
    """A cycle with one edge three steps late, one whose delay follows from the rule, and a late edge outside it."""
    nodes: dict[str, Node] = {
        "in": Input([6]),
        "fc": Affine(weight(rng, 6, 6)),
        "lif": neuron(),
        "far": Affine(weight(rng, 6, 6), weight(rng, 6)),
        "near": Affine(weight(rng, 6, 6)),
        "out": Output([6]),
    }
    edges = [Edge("in", "fc"), Edge("fc", "lif"), Edge("lif", "far"), Edge("far", "lif", delay=3)]
    edges += [Edge("lif", "near"), Edge("near", "lif"), Edge("lif", "out"), Edge("in", "out", delay=2)]
    return Graph(nodes, edges)


def crossroads(rng: np.random.Generator) -> Graph:
    """Two Inputs and two Outputs, splits, joins, sums of several edges, and a branch that nobody reads."""
    nodes: dict[str, Node] = {
        "b": Input([3, 2]),
        "a": Input([5, 2]),
        "split": ChannelSplit((3, 2)),
        "sum": Skip("residual"),
        "join": Concat(3),
        "dead": neuron(),
        "if": IF(0.5),
        "z": Output(None),
        "y": Output(None),
    }
    edges = [Edge("a", "split"), Edge("split:0", "sum"), Edge("b", "sum"), Edge("b", "sum", delay=1)]
    edges += [Edge("sum", "join"), Edge("split:1", "join"), Edge("b", "join"), Edge("b", "dead")]
    edges += [Edge("join", "if"), Edge("if", "z"), Edge("split:1", "y"), Edge("split:1", "y", delay=2)]
    return Graph(nodes, edges)


def nested(rng: np.random.Generator) -> Graph:
    """A graph within a graph within a graph, and a composite."""
    inner = Graph.chain(x=Input(None), fc=Affine(weight(rng, 4, 4)), lif=neuron(v_init=0.25), y=Output(None))
    nodes: dict[str, Node] = {"x": Input(None), "inner": inner, "y": Output(None)}
    middle = Graph(nodes, [("x", "inner"), Edge("inner", "inner", delay=2), ("inner", "y")])
    return Graph.chain(input=Input([4]), sub=middle, pair=Pair(0.5), output=Output([4]))


def neurons(rng: np.random.Generator) -> Graph:
    """LIF and IF with every rule of reset and comparison, and parameters in each of their three forms."""
    nodes: dict[str, Node] = {"in": Input([3, 4])}
    edges: list[Edge] = []
    for number, (reset, late, comparator) in enumerate(product(("value", "subtract", "none"), (0, 1), ("ge", "gt"))):
        form = ((), (3,), (3, 4))[number % 3]
        how: dict[str, Any] = {"reset": reset, "reset_delay": late, "comparator": comparator}
        how |= {"v_reset": rng.uniform(-0.5, 0.25, form), "v_init": rng.uniform(-0.5, 1.0, form)}
        nodes[f"lif{number}"] = LIF(rng.uniform(1, 4, form), 1.0, rng.uniform(-0.25, 0.25, form), 0.5, **how)
        nodes[f"if{number}"] = IF(np.full(form, 0.5), r=rng.choice([0.5, 1.0, 2.0], form), **how)
        for name in (f"lif{number}", f"if{number}"):
            nodes[f"out {name}"] = Output(None)
            edges += [Edge("in", name), Edge(name, f"out {name}")]
    return Graph(nodes, edges)


CIRCUITS: tuple[Callable[[np.random.Generator], Graph], ...] = (
    layers,
    maps,
    sequence,
    step_axes,
    recurrent,
    crossroads,
    nested,
    neurons,
)
