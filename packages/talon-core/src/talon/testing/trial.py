"""A sample in the smallest graph around it, and what it computes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from talon.engine import Result, State, run
from talon.ir.edges import Edge
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.boundary import Input, Output
from talon.testing.graphs import feeds
from talon.testing.strategies import Sample

STEPS = 4
BATCH = 2


def around(case: Sample) -> Graph:
    """The smallest graph that feeds and reads the node, which is called `node` there."""
    node = case.node
    ports = node.ports()
    nodes: dict[str, Node] = {f"in{i}": Input(shape) for i, shape in enumerate(case.inputs)}
    nodes["node"] = node
    targets = [f"node:{port.name}" for port in ports.inputs]
    targets += targets[:1] * (len(case.inputs) - len(targets))
    edges = [Edge(f"in{i}", target) for i, target in zip(range(len(case.inputs)), targets, strict=False)]
    if not isinstance(node, Output):
        for port in ports.outputs:
            nodes[f"out{port}"] = Output(None)
            edges.append(Edge(f"node:{port}", f"out{port}"))
    return Graph(nodes, edges)


def output_shapes(case: Sample) -> tuple[Shape, ...]:
    shapes = case.node.infer(*case.inputs)
    return tuple(shapes) if len(case.node.ports().outputs) > 1 else (shapes,)


def fed(case: Sample) -> dict[str, np.ndarray]:
    """Inputs of the graph around a sample, `(STEPS, BATCH, *shape)` by name; the same ones each time."""
    return feeds(around(case), 0, steps=STEPS, batch=BATCH)


def executed(
    case: Sample, inputs: Mapping[str, np.ndarray], state: State | None = None, dtype: str = "float32"
) -> Result:
    """What the reference engine makes of the graph around a sample."""
    return run(around(case), inputs, engine="reference", state=state, dtype=dtype)


def arrays(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    """Every output and state array of a result with its name, outputs first."""
    yield from ((f"output {name}", array) for name, array in result.outputs.items())
    yield from states(result.state)


def states(state: State) -> Iterator[tuple[str, np.ndarray]]:
    for path, values in state.nodes.items():
        yield from ((f"state {path}.{name}", array) for name, array in values.items())


def same(found: Any, expected: Any) -> bool:
    """Equal to the bit of every value, NaN included."""
    return found.dtype == expected.dtype and np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")
