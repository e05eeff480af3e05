"""Random graphs that run: branches, joins, splits, feedback, nesting, several Inputs, Outputs and scales.

    @given(graphs(), integers(0, 99))
    def test_my_engine(graph, seed):
        x = feeds(graph, seed)
        assert same(run(graph, x, engine="mine"), run(graph, x, engine="reference"))

Every shape follows from what is declared, no cycle is stated without a delay, and node and edge order are shuffled.
Only `graphs` needs hypothesis: `pip install "talon-core[testing]"`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from talon.ir.edges import Edge
from talon.ir.errors import TalonError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.boundary import Input, Output
from talon.ir.primitives.convolution import Conv2d
from talon.ir.primitives.linear import Affine
from talon.ir.primitives.structure import ChannelSplit, Concat, Skip
from talon.testing.layers import LAYERS, Dice, Layer

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LARGEST = 256
"""Elements of a sample up to which a layer is taken: what is tested with these is run many times."""


@dataclass(frozen=True)
class End:
    """An endpoint of an edge, and the sample shape there."""

    at: str
    shape: Shape


class Weaver:
    """One level of a graph under construction; `read` are the endpoints that something reads."""

    def __init__(self, dice: Dice, layers: tuple[Layer, ...], size: int, depth: int, inner: bool = False) -> None:
        self.dice, self.layers, self.size, self.depth, self.inner = dice, layers, size, depth, inner
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str, int | None], Edge] = {}
        self.outs: list[End] = []
        self.ins: list[End] = []
        self.read: set[str] = set()

    def graph(self, shapes: list[Shape]) -> Graph:
        for shape in shapes:
            name = self.name("in")
            self.nodes[name] = Input(None if self.inner and self.dice.chance(50) else shape)
            self.outs.append(End(name, shape))
        for _ in range(self.dice.between(1, self.size)):
            self.grow()
        for _ in range(self.dice.between(0, 3)):
            self.feed_back()
        self.finish()
        nodes, edges = list(self.nodes.items()), list(self.edges.values())
        self.dice.source.shuffle(nodes)
        self.dice.source.shuffle(edges)
        return Graph(dict(nodes), edges)

    def name(self, stem: str) -> str:
        """A free name; now and then one with a dot that flattening may meet again."""
        nested = [f"{n}.{i}" for n, node in self.nodes.items() if isinstance(node, Graph) for i in node.nodes]
        free = [n for n in nested if n not in self.nodes]
        return str(self.dice.one_of(free)) if free and self.dice.chance(10) else f"{stem}{len(self.nodes)}"

    def join(self, source: End, target: str, delay: int | None = None) -> None:
        self.read.add(source.at)
        self.edges.setdefault((source.at, target, delay), Edge(source.at, target, delay=delay))

    def forward(self) -> int | None:
        """A delay for an edge that goes forward: mostly unstated."""
        return int(self.dice.between(0, 3)) if self.dice.chance(15) else None

    def like(self, shape: Shape) -> list[End]:
        return [end for end in self.outs if end.shape == shape]

    def add(self, node: Node, sources: list[End]) -> str | None:
        """Put a node behind its sources, one for each argument, unless it refuses their shapes."""
        ports = node.ports()
        try:
            given = node.infer(*(end.shape for end in sources))
        except TalonError:
            return None
        shapes = given if len(ports.outputs) > 1 else (given,)
        if any(math.prod(shape) > LARGEST for shape in shapes):
            return None
        name = self.name(type(node).__name__.lower())
        self.nodes[name] = node
        several = len(ports.inputs) > 1
        for place, source in enumerate(sources):
            port = ports.inputs[0 if ports.inputs[0].ordered else place]
            target = f"{name}:{port.name}" if several else name
            self.join(source, target, self.forward())
            if not port.ordered:
                self.ins.append(End(target, source.shape))
                if self.dice.chance(15):  # a sum at the port
                    self.join(self.dice.one_of(self.like(source.shape)), target, self.forward())
        several = len(ports.outputs) > 1
        self.outs += [
            End(f"{name}:{p}" if several else name, shape) for p, shape in zip(ports.outputs, shapes, strict=True)
        ]
        return name

    def grow(self) -> None:
        """Add one node or nested graph."""
        dice = self.dice
        source: End = dice.one_of(self.outs[-2:] if dice.chance(60) else self.outs)
        how = dice.between(0, 11)
        if how == 1:
            self.add(Skip("residual"), [source])
            for end in self.like(source.shape)[: dice.between(0, 3)]:
                self.join(end, self.ins[-1].at)
        elif how == 2:
            fitting = [end for end in self.outs if end.shape[1:] == source.shape[1:]]
            chosen = [dice.one_of(fitting) for _ in range(dice.between(1, 3))]
            sources = list({end.at: end for end in [source, *chosen]}.values())
            self.add(dice.one_of((Concat(len(sources), -len(source.shape)), Skip("concatenate"))), sources)
        elif how == 3:
            axis = dice.between(0, len(source.shape) - 1)
            parts, rest = [], source.shape[axis]
            while rest:
                parts.append(dice.between(1, rest))
                rest -= parts[-1]
            self.add(ChannelSplit(parts, axis), [source])
        elif how == 4 and self.depth > 1:
            sources = [dice.one_of(self.outs) for _ in range(dice.between(1, 2))]
            inner = Weaver(dice, self.layers, self.size // 2 + 1, self.depth - 1, inner=True)
            self.add(inner.graph([end.shape for end in sources]), sources)
        else:
            node = dice.one_of(self.layers)(dice, source.shape)
            if node is not None:
                self.add(node, [source])

    def feed_back(self) -> None:
        """An edge from anywhere to an input port that has others already, with a bridge where shapes differ."""
        if not self.ins:
            return
        target: End = self.dice.one_of(self.ins)
        source: End = self.dice.one_of(self.like(target.shape) or self.outs)
        if source.shape != target.shape:
            bridge = self.bridge(source.shape, target.shape)
            name = None if bridge is None else self.add(bridge, [source])
            if name is None:
                return
            source = self.outs[-1]
        # Never stated 0: the cycle that it may close has a delay then.
        self.join(source, target.at, self.dice.one_of((None, None, 1, 2, 3)))

    def bridge(self, given: Shape, wanted: Shape) -> Node | None:
        """A layer from one shape to another; None where none will do."""
        if given[:-1] == wanted[:-1]:
            return Affine(self.dice.weight(wanted[-1], given[-1], fan_in=given[-1]))
        if len(given) == 3 and given[1:] == wanted[1:]:
            return Conv2d(self.dice.weight(wanted[0], given[0], 1, 1, fan_in=given[0]))
        return None

    def finish(self) -> None:
        """Outputs of what nobody reads, three at most; what is left is a dead branch."""
        loose = [end for end in self.outs if end.at not in self.read] or self.outs[-1:]
        for end in loose[: self.dice.between(1, 3)]:
            name = self.name("out")
            self.nodes[name] = Output(self.dice.one_of((None, end.shape)))
            self.join(end, name, self.forward())
            if self.dice.chance(20):
                self.join(self.dice.one_of(self.like(end.shape)), name, self.forward())


def shape(dice: Dice) -> Shape:
    """A vector, a sequence, or a map at one of several scales."""
    vector, sequence = (dice.between(1, 6),), (dice.between(1, 3), dice.between(2, 6))
    side = dice.one_of((2, 3, 4, 6))
    result: Shape = dice.one_of((vector, (dice.between(1, 4), side, side), sequence))
    return result


def random_graph(source: random.Random, *, size: int = 10, depth: int = 3, layers: tuple[Layer, ...] = LAYERS) -> Graph:
    """A graph of up to `size` layers on each of up to `depth` levels, that `check()` finds no error in."""
    dice = Dice(source)
    shapes = [shape(dice)]
    shapes += [dice.one_of((shapes[0], shape(dice))) for _ in range(dice.one_of((0, 0, 1, 2)))]
    return Weaver(dice, layers, size, depth).graph(shapes)


def feeds(graph: Graph, seed: int, *, steps: int = 5, batch: int = 2) -> dict[str, np.ndarray]:
    """Float32 inputs `(steps, batch, *shape)` by name: spikes for some, values with zeros among them for others."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, node in graph.inputs.items():
        assert node.shape is not None, f"the shape of Input {name!r} is not declared"
        size = (steps, batch, *node.shape)
        spikes = (rng.random(size) < 0.4).astype(np.float32)
        found[name] = spikes if rng.random() < 0.5 else (spikes * rng.normal(size=size)).astype(np.float32)
    return found


def graphs(*, size: int = 10, depth: int = 3, layers: tuple[Layer, ...] = LAYERS) -> SearchStrategy[Graph]:
    """`random_graph` as a hypothesis strategy (extra `testing`)."""
    from hypothesis import strategies

    sources = strategies.randoms(use_true_random=False)
    return sources.map(lambda source: random_graph(source, size=size, depth=depth, layers=layers))
