"""What is to be drawn: boxes with their texts and ports, and the wires between them. No places yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from talon.ir import order
from talon.ir.drawing import fold
from talon.ir.drawing.caption import essentials, family, inner, shape_text
from talon.ir.drawing.lettering import ELLIPSIS
from talon.ir.errors import TalonGraphError
from talon.ir.graph import Graph
from talon.ir.infer import infer_shapes
from talon.ir.order import Link
from talon.ir.ports import Ports
from talon.ir.primitives.boundary import Boundary

LIMIT = 300
"""Graphs of more nodes are folded."""
WIRES = 900
"""So are graphs of more edges, which nobody could follow."""
CROWD = 2
"""Wires per box above which they do not tell how many edges they stand for."""
PORTS = 16
"""A side with more ports than this is drawn with one."""
TOOLTIP = 600
"""Characters of a node's repr in its tooltip."""


@dataclass(frozen=True)
class Box:
    """A node, or `nodes` of them. `inputs` and `outputs` label its ports, and are empty where there is one at most.

    `name`, `kind`, `parts` and `shape` are shown as far as there is room; `tooltip` says all.
    """

    name: str
    kind: str
    parts: tuple[str, ...]
    shape: str
    family: str
    tooltip: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    double: bool = False
    nodes: int = 1


class Ends(NamedTuple):
    """Box and port numbers of a wire."""

    src: int
    src_port: int
    dst: int
    dst_port: int


@dataclass
class Wire:
    """The edges between two ports, all of them `late` (delayed) or none; `delays` are the least and the greatest."""

    ends: Ends
    late: bool
    delays: tuple[int, int]
    count: int = 1

    @property
    def label(self) -> str:
        least, most = self.delays
        delay = f"delay {least}" + (f" to {most}" if most > least else "")
        return ", ".join([delay] * self.late + [f"{self.count:,} edges"] * (self.count > 1))


@dataclass(frozen=True)
class Scene:
    boxes: list[Box]
    wires: list[Wire]
    folded: bool


def scene(graph: Graph, limit: int = LIMIT) -> Scene:
    """The boxes and wires of a graph; folded when it has more than `limit` nodes, or more than can be shown."""
    delays = late_delays(graph)
    count = len(graph.nodes)
    now = [(link.src, link.dst) for link, delay in zip(graph.links, delays, strict=True) if delay is None]
    folded = count > limit or len(graph.links) > WIRES or fold.widest(count, now) > fold.WIDE
    parts = [[n] for n in range(count)]
    if folded:
        ends = [n for n, node in enumerate(graph.nodes.values()) if isinstance(node, Boundary)]
        parts = fold.groups(count, now, ends)
    return _Builder(graph, parts, delays).scene(folded)


def late_delays(graph: Graph) -> list[int | None]:
    """The delay of every edge that delivers late; None for the others, among which there is no cycle."""
    try:
        return [delay or None for delay in graph.delays()]
    except TalonGraphError:
        # Every delay in a cycle is stated 0. It is drawn as if one had been left open, and says 0.
        unstated = [link._replace(delay=link.delay or None) for link in graph.links]
        chosen = order.resolve_delays(len(graph.nodes), unstated)
        stated = [delay if link.delay is None else link.delay for link, delay in zip(graph.links, chosen, strict=True)]
        return [shown if delay else None for shown, delay in zip(stated, chosen, strict=True)]


class _Builder:
    def __init__(self, graph: Graph, parts: list[list[int]], delays: list[int | None]) -> None:
        self.links, self.parts, self.delays = graph.links, parts, delays
        self.names, self.nodes = list(graph.nodes), list(graph.nodes.values())
        self.shapes = infer_shapes(graph)
        self.box = [0] * len(self.nodes)
        for number, part in enumerate(parts):
            for node in part:
                self.box[node] = number

    def scene(self, folded: bool) -> Scene:
        """Ports first: where a wire ends depends on how the box numbers the edges that arrive."""
        arriving: list[list[int]] = [[] for _ in self.parts]
        hidden = [0] * len(self.parts)
        for i, link in enumerate(self.links):
            if len(self.parts[self.box[link.dst]]) == 1:
                arriving[self.box[link.dst]].append(i)
            elif self.box[link.src] == self.box[link.dst]:
                hidden[self.box[link.dst]] += 1
        boxes, inputs = [], {}
        for number, part in enumerate(self.parts):
            if len(part) == 1:
                labels, ports = input_side(self.nodes[part[0]].ports(), self.links, arriving[number])
                inputs.update(ports)
                boxes.append(self.node_box(part[0], labels))
            else:
                boxes.append(self.folded_box(part, hidden[number]))
        return Scene(boxes, self.wires(boxes, inputs), folded)

    def wires(self, boxes: Sequence[Box], inputs: dict[int, int]) -> list[Wire]:
        found: dict[tuple[Ends, int | None], Wire] = {}
        for i, (link, delay) in enumerate(zip(self.links, self.delays, strict=True)):
            src, dst = self.box[link.src], self.box[link.dst]
            if src == dst and boxes[src].nodes > 1:
                continue
            ends = Ends(src, link.src_port if boxes[src].outputs else 0, dst, inputs.get(i, 0))
            # Different delays between two nodes are wires of their own, those of a folded box one.
            whole = boxes[src].nodes > 1 or boxes[dst].nodes > 1
            key = ends, None if delay is None else 1 if whole else delay
            shown = delay or 0
            if key in found:
                least, most = found[key].delays
                found[key].delays = min(least, shown), max(most, shown)
                found[key].count += 1
            else:
                found[key] = Wire(ends, delay is not None, (shown, shown))
        if len(found) > CROWD * len(boxes):
            # Labels would need more room than everything else.
            for wire in found.values():
                wire.count = 1
        return list(found.values())

    def node_box(self, number: int, inputs: tuple[str, ...]) -> Box:
        name, node = self.names[number], self.nodes[number]
        ports, leaving, arriving = node.ports().outputs, self.shapes.outputs[number], self.shapes.inputs[number]
        parts = essentials(node, arriving[0] if arriving else None, leaving[0] if leaving else None)
        shapes = [shape_text(shape) for shape in leaving]
        outputs = tuple(f"{port}: {shape}" for port, shape in zip(ports, shapes, strict=True))
        if len(ports) > PORTS:
            parts.append(f"{len(ports)} outputs")
        several = 1 < len(ports) <= PORTS
        facts = [f"{name}: {node.type_name}", ", ".join(parts), f"output {', '.join(shapes)[:TOOLTIP]}"]
        about = repr(node)
        return Box(
            name,
            node.type_name,
            tuple(parts),
            shapes[0] if len(ports) == 1 else "",
            family(node),
            "\n".join([*filter(None, facts), about if len(about) <= TOOLTIP else about[:TOOLTIP] + ELLIPSIS]),
            inputs,
            outputs if several else (),
            double=inner(node) is not None,
        )

    def folded_box(self, part: list[int], hidden: int) -> Box:
        counts = Counter(self.nodes[n].type_name for n in part)
        kinds = [f"{counts[kind]:,} {kind}" for kind in sorted(counts, key=lambda kind: (-counts[kind], kind))]
        span = f"{self.names[part[0]]} {ELLIPSIS} {self.names[part[-1]]}"
        name = f"{ELLIPSIS} {len(part):,} nodes"
        about = f"{len(part):,} nodes: {', '.join(kinds)[:TOOLTIP]}\n{span}\n{hidden:,} edges between them"
        return Box(name, "", tuple(kinds), span, "folded", about, nodes=len(part))


def input_side(ports: Ports, links: Sequence[Link], arriving: list[int]) -> tuple[tuple[str, ...], dict[int, int]]:
    """The labels of a node's input side, and the place of every arriving edge: ordered edges have one each."""
    labels: list[str] = []
    places: dict[int, int] = {}
    per_port: list[list[int]] = [[] for _ in ports.inputs]
    for i in arriving:
        per_port[links[i].dst_port].append(i)
    for port, edges in zip(ports.inputs, per_port, strict=True):
        if port.ordered:
            places |= {i: len(labels) + place for place, i in enumerate(edges)}
            labels += [str(place) if len(ports.inputs) == 1 else f"{port.name} {place}" for place in range(len(edges))]
        else:
            places |= dict.fromkeys(edges, len(labels))
            labels.append(port.name)
    return (tuple(labels), places) if 1 < len(labels) <= PORTS else ((), {})
