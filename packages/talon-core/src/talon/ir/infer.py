"""Shape inference over a graph: a worklist, so that cycles settle as soon as one way in is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.ir import order
from talon.ir.errors import Diagnostic, TalonError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.boundary import Boundary

Known = list[Shape | None]


@dataclass
class Inferred:
    """Output shapes by node number and port number, and what went wrong on the way."""

    outputs: list[Known]
    problems: list[Diagnostic] = field(default_factory=list)
    nested: dict[str, Inferred] = field(default_factory=dict)
    inputs: list[list[Shape | None]] = field(default_factory=list)

    def named(self, graph: Graph, prefix: str = "") -> dict[str, Shape | None]:
        """The shapes by `"node:port"`, nested nodes by their path."""
        shapes: dict[str, Shape | None] = {}
        for (name, node), known in zip(graph.nodes.items(), self.outputs, strict=True):
            for port, shape in zip(node.ports().outputs, known, strict=True):
                shapes[f"{prefix}{name}:{port}"] = shape
            if isinstance(node, Graph) and name in self.nested:
                shapes |= self.nested[name].named(node, f"{prefix}{name}/")
        return shapes


def infer_shapes(
    graph: Graph,
    inputs: tuple[Shape | None, ...] | None = None,
    *,
    prefix: str = "",
    skip: frozenset[str] = frozenset(),
) -> Inferred:
    """Infer every output shape. `inputs` are shapes for the Input nodes in order; `skip` holds paths not to ask.

    Nodes in `skip` (their values are already known to be wrong) keep open outputs.
    """
    return _Inference(graph, inputs, prefix, skip, {}).run()


Levels = dict[tuple[str, tuple[Shape | None, ...]], Inferred]
"""Nested graphs by path and the shapes that arrive. Around a cycle a graph is asked twice, and so at every level in it:
without this 2 to the power of the depth times."""


class _Inference:
    def __init__(
        self,
        graph: Graph,
        inputs: tuple[Shape | None, ...] | None,
        prefix: str,
        skip: frozenset[str],
        levels: Levels,
    ) -> None:
        self.graph, self.prefix, self.skip, self.levels = graph, prefix, skip, levels
        self.names = list(graph.nodes)
        self.nodes = list(graph.nodes.values())
        self.links = graph.links
        self.ports = graph._ports
        self.given = dict(zip(graph.inputs, inputs or (), strict=False))
        self.incoming: list[list[int]] = [[] for _ in self.nodes]
        self.outgoing: list[list[int]] = [[] for _ in self.nodes]
        for i, link in enumerate(self.links):
            self.incoming[link.dst].append(i)
            self.outgoing[link.src].append(i)
        self.found = Inferred([[None] * len(p.outputs) for p in self.ports], inputs=[[] for _ in self.nodes])
        self.errors: dict[int, list[Diagnostic]] = {}

    def run(self) -> Inferred:
        pairs = [(link.src, link.dst) for link in self.links]
        first = order.topological(len(self.nodes), pairs) or self.around_cycles(pairs)
        todo, waiting = deque(first), [True] * len(self.nodes)
        while todo:
            number = todo.popleft()
            waiting[number] = False
            before = list(self.found.outputs[number])
            self.visit(number)
            if self.found.outputs[number] != before:
                for i in self.outgoing[number]:
                    other = self.links[i].dst
                    if not waiting[other]:
                        waiting[other] = True
                        todo.append(other)
        self.found.problems = [d for number in sorted(self.errors) for d in self.errors[number]]
        return self.found

    def around_cycles(self, pairs: list[tuple[int, int]]) -> list[int]:
        """Nodes so that a component comes after everything that feeds it."""
        component = order.components(order.neighbours(len(self.nodes), pairs))
        return sorted(range(len(self.nodes)), key=lambda n: -component[n])

    def visit(self, number: int) -> None:
        name, node = self.names[number], self.nodes[number]
        self.errors.pop(number, None)
        arguments = self.arguments(number)
        self.found.inputs[number] = arguments
        path = self.prefix + name
        if path in self.skip:
            return
        if isinstance(node, Graph):
            key = path, tuple(arguments)
            inner = self.levels.get(key)
            if inner is None:
                inner = self.levels[key] = _Inference(node, key[1], f"{path}/", self.skip, self.levels).run()
            self.found.nested[name] = inner
            self.note(number, *inner.problems)
            result: Any = tuple(inner.outputs[node._index[n]][0] for n in node.outputs)
        else:
            try:
                result = node.infer(*arguments)
            except TalonError as error:
                self.refuse(number, error)
                return
            except Exception as error:  # noqa: BLE001 - whatever a stranger's primitive raises is a finding
                said = f"{type(error).__name__}: {error}"
                self.refuse(number, TalonError("T900", f"{type(node).__name__}.infer failed", found=said))
                return
            count = len(self.ports[number].outputs)
            given = shapes_in((result,) if count == 1 else result)
            if given is None or len(given) != count:
                expected = "a tuple of whole numbers, or None," + (f" for each of {count} ports" if count > 1 else "")
                said = f"infer gave {result!r:.80}"
                what = f"{type(node).__name__}.infer gives no shape"
                self.refuse(number, TalonError("T900", what, expected=expected, found=said))
                return
            result = given
        known = self.found.outputs[number]
        for port, shape in enumerate(result):
            declared = declared_shape(node, "output", len(known))
            if declared is not None and shape is not None and declared != shape:
                self.note(
                    number,
                    Diagnostic(
                        "T105",
                        "the declared output_type is not what the node gives",
                        node=self.prefix + name,
                        expected=f"{declared} (output_type)",
                        found=str(shape),
                        help="remove output_type, or correct it",
                    ),
                )
            # The first answer stays: a cycle whose shapes disagree is told where they meet, not followed for ever.
            if known[port] is None:
                known[port] = shape if shape is not None else declared

    def arguments(self, number: int) -> list[Shape | None]:
        """One shape per input port, or per edge where the port is ordered."""
        node, ports = self.nodes[number], self.ports[number]
        if not ports.inputs:
            given = self.given.get(self.names[number])
            return [given] if self.given else []
        per_port: list[list[int]] = [[] for _ in ports.inputs]
        for i in self.incoming[number]:
            per_port[self.links[i].dst_port].append(i)
        shapes: list[Shape | None] = []
        for place, port in enumerate(ports.inputs):
            if port.ordered:
                shapes += [self.source(i) for i in per_port[place]]
            else:
                shapes.append(self.agreed(number, per_port[place]))
        if len(ports.inputs) == 1 and not ports.inputs[0].ordered:
            declared = declared_shape(node, "input", 1)
            if declared is not None and shapes[0] is not None and shapes[0] != declared:
                self.note(
                    number,
                    Diagnostic(
                        "T105",
                        "the declared input_type is not what arrives",
                        node=self.prefix + self.names[number],
                        expected=f"{declared} (input_type)",
                        found=str(shapes[0]),
                        help="remove input_type, or correct it",
                    ),
                )
            shapes[0] = declared if shapes[0] is None else shapes[0]
        return shapes

    def source(self, edge: int) -> Shape | None:
        link = self.links[edge]
        return self.found.outputs[link.src][link.src_port]

    def agreed(self, number: int, edges: list[int]) -> Shape | None:
        """The one shape of edges that are summed; a diagnostic where they differ."""
        first: tuple[int, Shape] | None = None
        for i in edges:
            shape = self.source(i)
            if shape is None:
                continue
            if first is None:
                first = (i, shape)
            elif shape != first[1]:
                a, b = self.graph.edges[first[0]], self.graph.edges[i]
                self.note(
                    number,
                    Diagnostic(
                        "T104",
                        f"edges that are summed have different shapes: {a.src!r} and {b.src!r} -> {b.dst!r}",
                        node=self.prefix + self.names[number],
                        expected=f"{first[1]} as {a.src} gives",
                        found=f"{b.src} gives {shape}",
                        help="give both the same shape, or join them with ir.Concat or ir.Skip('concatenate')",
                    ),
                )
        return first[1] if first else None

    def refuse(self, number: int, error: TalonError) -> None:
        """A node that does not accept its input: told by the edge it comes in on."""
        d, name = error.diagnostic, self.names[number]
        edges = [self.graph.edges[i] for i in self.incoming[number]]
        where = f"on edge {edges[0].src!r} -> {edges[0].dst!r}" if edges else f"at {name!r}"
        few = list(zip(self.incoming[number], edges, strict=True))[:5]
        shapes = ", ".join(f"{e.src} gives {self.source(i)}" for i, e in few) + ", ..." * (len(edges) > len(few))
        message = f"shapes do not meet {where}: {d.message}" if d.code == "T104" else d.message
        self.note(
            number,
            Diagnostic(
                d.code,
                message,
                node=self.prefix + name,
                expected=d.expected,
                found=shapes if shapes and d.code == "T104" else d.found,
                help=d.help or f"change {name!r}, or what feeds it",
            ),
        )

    def note(self, number: int, *problems: Diagnostic) -> None:
        self.errors.setdefault(number, []).extend(problems)


def shapes_in(result: Any) -> tuple[Shape | None, ...] | None:
    """What `infer` gave, as shapes; None where something in it is none."""
    found: list[Shape | None] = []
    if not isinstance(result, (tuple, list)):
        return None
    for shape in result:
        if shape is not None and not (
            isinstance(shape, (tuple, list)) and all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape)
        ):
            return None
        found.append(None if shape is None else tuple(int(n) for n in shape))
    return tuple(found)


def declared_shape(node: Node, side: str, ports: int) -> Shape | None:
    """The declared shape of a node's only port on one side; boundaries say theirs through `infer`."""
    declared: Mapping[str, Any] | None = node.stored(f"{side}_type")
    if not declared or ports != 1 or len(declared) != 1 or isinstance(node, Boundary):
        return None
    return tuple(int(n) for n in next(iter(declared.values())))
