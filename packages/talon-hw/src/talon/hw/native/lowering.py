"""A task lowered: an op for every node, and groups of nodes that are gone through layer by layer or step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import networkx

from talon.engine.wiring import Unit, Wiring
from talon.hw.native.affine import AffineOp
from talon.hw.native.convolution import ConvolutionOp
from talon.hw.native.neurons import NeuronOp
from talon.hw.native.ops import Op, Stepwise, Timeless
from talon.hw.native.options import Options
from talon.ir.fields import Shape

Factory = Callable[[Unit, tuple[Shape, ...], Options], Op]

KERNELS: dict[str, Factory] = {
    **dict.fromkeys(("Affine", "SpikingAffine"), lambda unit, shapes, options: AffineOp(unit, options)),
    **dict.fromkeys(
        ("Conv1d", "Conv2d", "SConv", "SDConv"), lambda unit, shapes, options: ConvolutionOp(unit, shapes, options)
    ),
    **dict.fromkeys(("LIF", "IF"), lambda unit, shapes, options: NeuronOp(unit, shapes)),
}
"""What the C library computes, by the name of the primitive."""


def lower(wiring: Wiring, options: Options) -> list[Op]:
    """An op for every unit: native, all steps at once in numpy, or the primitive's own step."""
    ops: list[Op] = []
    for name, unit in zip(wiring.names, wiring.units, strict=True):
        kernel = KERNELS.get(unit.node.type_name)
        if kernel is not None:
            ops.append(kernel(unit, wiring.task.in_shapes[name], options))
        else:
            ops.append(Timeless(unit) if Timeless.suits(unit) else Stepwise(unit))
    return ops


class Group(NamedTuple):
    """Nodes in the order of one step; a cycle, or a single node that does not feed itself."""

    nodes: list[int]
    cyclic: bool


def groups(wiring: Wiring) -> list[Group]:
    """The nodes in an order in which every group has all it needs from earlier ones, at all steps."""
    graph: Any = networkx.DiGraph()
    graph.add_nodes_from(wiring.order)
    graph.add_edges_from((link.src, link.dst) for link in wiring.task.graph.links)
    place = {number: at for at, number in enumerate(wiring.order)}
    condensed: Any = networkx.condensation(graph)
    members: dict[int, set[int]] = dict(condensed.nodes(data="members"))
    found = (members[at] for at in networkx.topological_sort(condensed))
    return [
        Group(
            sorted(nodes, key=lambda number: place[number]), len(nodes) > 1 or any(graph.has_edge(n, n) for n in nodes)
        )
        for nodes in found
    ]
