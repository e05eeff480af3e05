"""A second interpreter, which shares nothing with the engines but the primitives' own `step`.

It walks nested graphs and composites as they are drawn, each as one node of the level it stands in, by recursion, and
never flattens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.infer import infer_shapes

FLOAT32 = np.dtype(np.float32)
Arrays = tuple[np.ndarray, ...]


@dataclass
class Trace:
    """`outputs` by Output name, `(T, B, *shape)`; `state` of every leaf after the last step; `seen`: leaf path -> what
    came in and what went out at every step; `leaves`: path -> the leaf."""

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    state: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    seen: dict[str, list[tuple[Arrays, Arrays]]] = field(default_factory=dict)
    leaves: dict[str, ir.Primitive] = field(default_factory=dict)


class Level:
    """One graph at one place: `advance` takes one step of it."""

    def __init__(self, graph: ir.Graph, path: str, trace: Trace) -> None:
        self.graph, self.path, self.trace = graph, path, trace
        self.past: list[dict[tuple[str, str], np.ndarray]] = []
        self.inner: dict[str, Level] = {}
        self.ready: dict[str, ir.Primitive] = {}
        self.delays = graph.delays()
        self.shapes: dict[str, Any] = {}
        for name, node in graph.nodes.items():
            drawn = node.decompose() if isinstance(node, ir.Composite) else node
            if isinstance(drawn, ir.Graph):
                self.inner[name] = Level(drawn, f"{path}{name}/", trace)
            elif isinstance(drawn, ir.Primitive):
                self.ready[name] = drawn.cast(FLOAT32)
                trace.leaves[path + name] = drawn

    def advance(self, t: int, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        batch = next(iter(given.values())).shape[0]
        if not self.past:
            self.shapes = infer_shapes(self.graph, tuple(a.shape[1:] for a in given.values())).named(self.graph)
        now: dict[tuple[str, str], np.ndarray] = {}
        result = {}
        for name in self.graph.order():
            node = self.graph.nodes[name]
            if isinstance(node, ir.Input):
                now[name, "out"] = given[name]
                continue
            arguments = self.arguments(name, now, batch)
            if name in self.inner:
                inside = self.inner[name]
                found = inside.advance(t, dict(zip(inside.graph.inputs, arguments, strict=True)))
                outs = tuple(found[exit] for exit in inside.graph.outputs)
            else:
                outs = self.leaf(t, name, arguments)
            now.update({(name, port): value for port, value in zip(node.ports().outputs, outs, strict=True)})
            if isinstance(node, ir.Output):
                result[name] = outs[0]
        self.past.append(now)
        return result

    def arguments(self, name: str, now: dict[tuple[str, str], np.ndarray], batch: int) -> Arrays:
        """One value for each port, the sum of its edges, or for each edge where the port is ordered."""
        names, ports = list(self.graph.nodes), self.graph.nodes[name].ports().inputs
        entering: list[list[np.ndarray]] = [[] for _ in ports]
        for link, delay in zip(self.graph.links, self.delays, strict=True):
            if names[link.dst] != name:
                continue
            source = names[link.src]
            key = source, self.graph.nodes[source].ports().outputs[link.src_port]
            if delay == 0:
                value = now[key]
            elif delay <= len(self.past):
                value = self.past[-delay][key]
            else:
                value = np.zeros((batch, *(self.shapes[":".join(key)] or ())), FLOAT32)
            entering[link.dst_port].append(value)
        if ports[0].ordered:
            return tuple(entering[0])
        return tuple(sum_in_order(values) for values in entering)

    def leaf(self, t: int, name: str, arguments: Arrays) -> Arrays:
        node, path = self.ready[name], self.path + name
        if path not in self.trace.state:
            shapes = tuple(a.shape[1:] for a in arguments)
            self.trace.state[path] = node.init_state(arguments[0].shape[0], shapes, FLOAT32)
        given: Any = node.step(t, self.trace.state[path], *arguments)
        outs = given if isinstance(given, tuple) else (given,)
        self.trace.seen.setdefault(path, []).append((arguments, outs))
        return outs


def sum_in_order(values: list[np.ndarray]) -> np.ndarray:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


@pytest.fixture
def walked() -> Callable[[ir.Graph, Mapping[str, np.ndarray]], Trace]:
    """`walked(graph, inputs)` runs a graph level by level, on float32 arrays `(T, B, *shape)` by Input name."""

    def walked(graph: ir.Graph, inputs: Mapping[str, np.ndarray]) -> Trace:
        trace = Trace()
        top = Level(graph, "", trace)
        steps = len(next(iter(inputs.values())))
        given = [{name: inputs[name][t] for name in graph.inputs} for t in range(steps)]
        results = [top.advance(t, values) for t, values in enumerate(given)]
        trace.outputs = {name: np.stack([result[name] for result in results]) for name in graph.outputs}
        return trace

    return walked
