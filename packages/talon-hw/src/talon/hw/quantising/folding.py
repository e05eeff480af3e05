"""Gains of neurons into the weights before them, so that 1 in a sum and 1 in a membrane are the same.

`v <- beta v + (1 - beta)(v_leak + r x)` becomes `v <- beta v + x`: the factor goes into the weights, what leaks in goes
into the bias, and beta is the nearest that the target has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic, factor_of, tau_of
from talon.hw.integers.pieces import PIECES, Weights
from talon.hw.quantising.arriving import compact
from talon.hw.rewrites.pass_ import Work, scaled
from talon.ir.csr import CSR
from talon.ir.edges import Edge
from talon.ir.edits import free
from talon.ir.errors import TalonTargetError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.primitives.convolution import Conv1d, SDConv
from talon.ir.primitives.linear import Affine
from talon.ir.primitives.neurons import spread

FOLDED = "weights are multiplied and rounded before they are summed"
DENSE = 1 << 26
"""Elements of a sparse weight that is made dense."""


def dense(work: Work) -> None:
    """Sparse weights as arrays, with integers for every element. Raises `TalonTargetError` (T506) for large ones."""
    for name, node in work.nodes():
        weight = getattr(node, "weight", None)
        if isinstance(weight, CSR):
            refuse_large(node, name)
            work.change(name, weight=weight.toarray())


def refuse_large(node: Any, path: str) -> None:
    """Raise `TalonTargetError` (T506) for a sparse weight that is too large as an array."""
    # The shape is known without reading it.
    weight = node.raw("weight")
    shape, sparse = weight.shape, isinstance(weight, CSR) or getattr(weight, "kind", None) is CSR
    if sparse and math.prod(shape) > DENSE:
        raise TalonTargetError(
            "T506",
            "the sparse weight is too large to be quantised",
            node=path,
            expected=f"at most {DENSE:,} elements, zeros counted",
            found=f"{shape[0]:,} x {shape[1]:,}",
            help="split the layer",
        )


def gains(work: Work, numeric: Arithmetic) -> None:
    """Give every neuron an input gain of 1 and no leak of its own. Raises `TalonTargetError` (T506) where it cannot."""
    for name, node in work.nodes():
        if "v_threshold" not in node.fields or not node.spiking:
            continue
        rank = len(work.graph.shapes[f"{name}:out"] or ())
        refuse_places(node, rank, name, numeric)
        gain, leak, fields = wanted(node, rank, name, numeric)
        if folds(gain, leak):
            into_weights(work, name, gain, leak)
        changed = {key: value for key, value in fields.items() if not np.array_equal(getattr(node, key), value)}
        if changed:
            why = "the membrane decays by another factor" if "tau" in changed else None
            work.change(name, why, **changed)


def folds(gain: np.ndarray, leak: np.ndarray) -> bool:
    """Whether there is something to fold into weights."""
    return not (gain == 1).all() or bool((leak != 0).any())


def refuse_places(node: Any, rank: int, path: str, numeric: Arithmetic) -> None:
    """Raise `TalonTargetError` (T506) for what differs in every place of a neuron's map and would go into weights that
    places share, or decays where the target has no decay. `rank`: of a sample."""
    gain, leak, _ = wanted(node, rank, path, numeric)
    if folds(gain, leak) and (gain.ndim > 1 or leak.ndim > 1):
        raise TalonTargetError(
            "T506",
            "the neuron has a gain of its own in every place, which weights that places share cannot take",
            node=path,
            expected="tau, r and v_leak with one value, or one per channel",
            found=f"gain of shape {gain.shape}, leak of shape {leak.shape}",
            help="give the parameters per channel",
        )


def wanted(node: Any, rank: int, path: str, numeric: Arithmetic) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """What the input is to be multiplied by, what is to be added, and the fields of the neuron after that."""
    if "tau" not in node.fields:
        return compact(spread(node.r, rank).astype(np.float64)), np.zeros(()), {"r": np.ones_like(node.r)}
    if numeric.decay is None:
        raise TalonTargetError(
            "T506",
            "membranes of the target do not decay",
            node=path,
            expected="IF",
            found="LIF",
            help="use IF, or another target",
        )
    tau = tau_of(factor_of(node.tau, numeric.decay), numeric.decay)
    # Each parameter may have a form of its own: one value, one per channel, or one in every place.
    lost = 1 / spread(tau, rank).astype(np.float64)
    fields = {"tau": tau, "r": tau, "v_leak": np.zeros_like(node.v_leak)}
    return compact(lost * spread(node.r, rank)), compact(lost * spread(node.v_leak, rank)), fields


def into_weights(work: Work, name: str, gain: np.ndarray, leak: np.ndarray) -> None:
    """Multiply the layers that feed a neuron; the first one takes what is added."""
    before = feeding(work, name, gain, leak)
    if before is None:
        before = [relay(work, name, work.into(name))]
    for place, source in enumerate(before):
        node: Any = work.graph.nodes[source]
        fields = scaled(node, gain)
        if place == 0 and (leak != 0).any():
            fields["bias"] = (fields.get("bias", 0.0) + np.broadcast_to(leak, (node.dims["out"],))).astype(np.float32)
        work.change(source, FOLDED, **fields)


def feeding(work: Work, name: str, gain: np.ndarray, leak: np.ndarray) -> list[str] | None:
    """The layers whose sums a neuron reads, directly or through pools, and nothing else reads; None where others feed
    it. A layer that others read too is taken twice."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        reader = waiting.pop(0)
        for edge in work.into(reader):
            source, node = edge.src_node, work.graph.nodes[edge.src_node]
            several = len(work.out_of(source)) > 1
            if PIECES.get(node.type_name) is Weights:
                if gain.size > 1 or leak.size > 1:
                    if not work.channels_first(source):
                        return None
                found.append(own_copy(work, source, reader) if several else source)
            elif passes(node, gain, leak) and not several:
                waiting.append(source)
            else:
                return None
    return list(dict.fromkeys(found))


def passes(node: Any, gain: np.ndarray, leak: np.ndarray) -> bool:
    """Whether what is done to the inputs of a node is done to its outputs: a gain, and what is added."""
    if node.type_name == "MaxPool2d":
        return bool((gain > 0).all())
    if node.type_name == "AvgPool2d":
        return bool((leak == 0).all()) or node.padding == (0, 0)
    if node.type_name in ("Flatten", "Concat", "Upsample"):
        # Channels are others behind it, and several layers may stand before it.
        return gain.size == 1 and bool((leak == 0).all()) and getattr(node, "mode", "nearest") == "nearest"
    return node.type_name == "Skip" and bool(node.identity)


def own_copy(work: Work, source: str, reader: str) -> str:
    """A layer once more, for one of its readers."""
    graph = work.graph
    new = free(f"{source}_{reader}", graph.nodes)
    edges = [
        item
        for e in graph.edges
        for item in (
            [e, Edge(e.src, new, delay=e.delay)]
            if e.dst_node == source
            else [Edge(new, e.dst, delay=e.delay)]
            if e.src_node == source and e.dst_node == reader
            else [e]
        )
    ]
    nodes = {
        key: value
        for item in graph.nodes.items()
        for key, value in (item, *([(new, item[1])] if item[0] == source else []))
    }
    work.log(source, "node", "read by several nodes", f"{new!r} for {reader!r} alone")
    work.graph = Graph(nodes, edges, **graph.given())
    return new


def meetings(work: Work) -> None:
    """Where spikes or numbers of an Input are added to the sums of layers, give them a layer of weights 1, so that all
    that is added can have one unit."""
    for name, node in work.nodes():
        edges = work.into(name)
        if len(edges) < 2 or node.ports().inputs[0].ordered:
            continue
        bare = [edge for edge in edges if not carries_sums(work, edge.src_node)]
        if bare and len(bare) < len(edges):
            relay(work, name, bare)


def carries_sums(work: Work, name: str, gone: frozenset[str] = frozenset()) -> bool:
    node: Any = work.graph.nodes[name]
    if PIECES.get(node.type_name) is Weights:
        return True
    if node.spiking or name in gone:
        return False
    return any(carries_sums(work, edge.src_node, gone | {name}) for edge in work.into(name))


ONES: Mapping[int, Callable[[int], Any]] = {
    1: lambda count: Affine(np.eye(count, dtype=np.float32)),
    2: lambda channels: Conv1d(np.ones((channels, 1, 1), np.float32), groups=channels),
    3: lambda channels: SDConv(np.ones((channels, 1, 1, 1), np.float32)),
}
"""A layer of weights 1 for samples of so many axes."""


def arriving(work: Work, edge: Edge) -> Shape | None:
    """The shape of a sample that an edge brings."""
    link = work.graph.links[list(work.graph.edges).index(edge)]
    port = work.graph.nodes[edge.src_node].ports().outputs[link.src_port]
    return work.graph.shapes[f"{edge.src_node}:{port}"]


def relay(work: Work, name: str, taken: list[Edge]) -> str:
    """A layer of weights 1 on edges into a node; returns its name."""
    graph = work.graph
    shape = arriving(work, taken[0])
    if shape is None or len(shape) not in ONES or any(carries_sums(work, edge.src_node) for edge in taken):
        raise TalonTargetError(
            "T506",
            "nothing before the node can take its gain, or bring what is added to one unit",
            node=name,
            expected="layers with weights that feed it alone",
            found=f"other nodes, and samples of shape {shape}",
            help="put a layer before it",
        )
    layer = ONES[len(shape)](shape[0])
    new = free(f"{name}_gain", graph.nodes)
    edges = [Edge(e.src, new, delay=e.delay) if e in taken else e for e in graph.edges]
    nodes = {
        key: value
        for item in graph.nodes.items()
        for key, value in (*([(new, layer)] if item[0] == name else []), item)
    }
    work.log(name, "node", "no layer of its own", f"{layer.type_name} {new!r} before it")
    work.graph = Graph(nodes, [*edges, Edge(new, name)], **graph.given())
    return new
