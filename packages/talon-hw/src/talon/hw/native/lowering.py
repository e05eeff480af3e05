"""A task lowered: an op for every node, and groups of nodes that are gone through layer by layer or step by step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import networkx
import numpy as np

from talon.engine.kernels import find
from talon.engine.wiring import Unit, Wiring
from talon.hw.native.affine import AffineOp
from talon.hw.native.convolution import ConvolutionOp
from talon.hw.native.layers import Fused, Layer
from talon.hw.native.layout import SPIKES
from talon.hw.native.maps import JoinOp, MeanOp, NearestOp, PoolOp, ReLUOp
from talon.hw.native.neurons import MembraneOp, NeuronOp
from talon.hw.native.ops import Alias, Op, Reshaped, Stepwise, Timeless
from talon.hw.native.options import Options
from talon.hw.native.plugged import Plugged
from talon.hw.native.sparse import SparseOp
from talon.ir.csr import CSR
from talon.ir.fields import Shape


class Site(NamedTuple):
    """A node to be lowered. `last`: all its arguments come channels last."""

    unit: Unit
    shapes: tuple[Shape, ...]
    last: bool
    options: Options


Factory = Callable[[Site], Op | None]
"""None where the node is of a kind that the kernel does not compute."""


def timeless(site: Site) -> Op | None:
    return Timeless(site.unit) if Timeless.suits(site.unit) else None


def join(site: Site, dim: int) -> Op | None:
    rank = len(site.unit.shapes[0])
    return JoinOp(site.unit) if rank > 1 and dim % rank == 0 else timeless(site)


def concat(site: Site) -> Op | None:
    node: Any = site.unit.node
    return join(site, node.dim)


def upsample(site: Site) -> Op | None:
    node: Any = site.unit.node
    return NearestOp(site.unit, site.shapes) if node.mode == "nearest" else timeless(site)


def affine(site: Site) -> Op | None:
    node: Any = site.unit.node
    return (SparseOp if isinstance(node.weight, CSR) else AffineOp)(site.unit, site.options)


def relu(site: Site) -> Op | None:
    node: Any = site.unit.node
    # A slope that float32 rounds to zero keeps the sign of x, in numpy.
    rounded = node.negative_slope != 0 and np.float32(node.negative_slope) == 0
    return timeless(site) if rounded else ReLUOp(site.unit, site.last)


KERNELS: dict[str, Factory] = {
    **dict.fromkeys(("Affine", "SpikingAffine"), affine),
    **dict.fromkeys(
        ("Conv1d", "Conv2d", "SConv", "SDConv"), lambda site: ConvolutionOp(site.unit, site.shapes, site.options)
    ),
    **dict.fromkeys(("LIF", "IF"), lambda site: NeuronOp(site.unit, site.shapes, site.last)),
    **dict.fromkeys(("MaxPool2d", "AvgPool2d"), lambda site: PoolOp(site.unit, site.shapes)),
    "Upsample": upsample,
    "Concat": concat,
    "Skip": lambda site: join(site, 0),
    "ReLU": relu,
    "StepMean": lambda site: MeanOp(site.unit),
    "Flatten": lambda site: Reshaped(site.unit),
    **dict.fromkeys(("ChannelSplit", "PReLU", "BatchNorm1d", "BatchNorm2d", "LayerNorm"), timeless),
}
"""What does not go by the numpy step of one step at a time, by the name of the primitive of talon-core; identities are
handed on."""


def lowered(site: Site) -> Op:
    """A plugin's kernel comes before a step in numpy, and before all else only where it is asked for."""
    node = site.unit.node
    plugged = find("native", node.type_name)
    if plugged is not None and node.type_name in site.options.plugins:
        return Plugged(site.unit, site.shapes, plugged)
    if node.identity:
        return Alias(site.unit, site.last)
    kernel = KERNELS.get(node.type_name)
    op = kernel(site) if kernel is not None else None
    if plugged is not None and (op is None or isinstance(op, Timeless)):
        return Plugged(site.unit, site.shapes, plugged)
    return Stepwise(site.unit) if op is None else op


def lower(wiring: Wiring, options: Options) -> list[Op]:
    """An op for every unit: native, by a plugin's kernel, all steps at once in numpy, or the primitive's own step."""
    return made(wiring, options, lambda number, site: lowered(site))


def made(wiring: Wiring, options: Options, make: Callable[[int, Site], Op]) -> list[Op]:
    """An op for every unit, which `make` gives for its number and its site."""
    found: dict[int, Op] = {}
    for number in wiring.order:
        unit, name = wiring.units[number], wiring.names[number]
        sources = [source.node for argument in unit.arguments for source in argument]
        # What comes from a later node of a cycle is not known yet, and is turned when it comes.
        last = bool(sources) and all(node in found and found[node].last for node in sources)
        found[number] = make(number, Site(unit, wiring.task.in_shapes[name], last, options))
    return [found[number] for number in range(len(found))]


def fused(wiring: Wiring, ops: Sequence[Op]) -> dict[int, tuple[int, Fused]]:
    """Neurons that alone hear a layer, by number, with the layer's number and the op for both."""
    readers = Counter(source.node for unit in wiring.units for argument in unit.arguments for source in argument)
    found: dict[int, tuple[int, Fused]] = {}
    for number, op in enumerate(ops):
        arguments = wiring.units[number].arguments
        if not isinstance(op, MembraneOp) or len(arguments) != 1 or len(arguments[0]) != 1:
            continue
        source = arguments[0][0]
        layer = ops[source.node]
        if isinstance(layer, Layer) and source.delay == 0 and readers[source.node] == 1 and layer.feeds(op):
            found[number] = (source.node, Fused(layer, op))
    return found


def join_up(ops: Sequence[Op], pairs: Mapping[int, tuple[int, Fused]], apart: Collection[int]) -> list[Op | None]:
    """The ops with neurons in their layers, but for the numbers that somebody wants to see by themselves; None for a
    layer that its neurons contain."""
    found: list[Op | None] = list(ops)
    for number, (layer, both) in pairs.items():
        if number not in apart and layer not in apart:
            found[number], found[layer] = both, None
    return found


def heard_as_bytes(wiring: Wiring, ops: Sequence[Op]) -> set[int]:
    """The nodes of which all that hear them take spikes as bytes, also those that hear what is handed on."""
    found = set(range(len(ops)))
    # From the last on, so that those who hear what is handed on are known; but for some in cycles, and those only make
    # a chunk longer.
    for number in reversed(wiring.order):
        op = ops[number]
        hears = op.takes_bytes and (number in found or not isinstance(op, (Alias, Reshaped)))
        for argument in wiring.units[number].arguments:
            if not hears or len(argument) > 1:
                found -= {source.node for source in argument}
    return found


def bytes_a_step(wiring: Wiring, ops: Sequence[Op | None], narrow: Collection[int], passing: Collection[int]) -> int:
    """What the values of a step take: nothing between a layer and its neurons or for those in `passing`, a byte a spike
    of those in `narrow`."""
    total = 0
    for number, (unit, op) in enumerate(zip(wiring.units, ops, strict=True)):
        if op is None or number in passing or isinstance(op, (Alias, Reshaped)):
            continue
        width = SPIKES.itemsize if op.gives == SPIKES and number in narrow else wiring.task.dtype.itemsize
        total += width * sum(math.prod(shape) for shape in unit.promised)
    return total


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


LATE = 16
"""Of how many steps ago something may be asked for, so that few steps are kept; of longer delays all are."""


def passing(wiring: Wiring, ops: Sequence[Op], groups: Sequence[Group]) -> dict[int, int]:
    """The nodes of cycles that are only heard by nodes of the same cycle, and how many of their steps those ask for:
    the one that is gone through now, and as many before it as the longest delay is long."""
    cycle = {number: at for at, (nodes, cyclic) in enumerate(groups) if cyclic for number in nodes}
    found = {number: 1 for number in cycle if ops[number].direct and len(wiring.units[number].shapes) == 1}
    for number, unit in enumerate(wiring.units):
        for source in [source for argument in unit.arguments for source in argument]:
            if source.node not in found:
                continue
            if cycle.get(number) == cycle[source.node] and source.delay <= LATE:
                found[source.node] = max(found[source.node], source.delay + 1)
            else:
                del found[source.node]
    return found
