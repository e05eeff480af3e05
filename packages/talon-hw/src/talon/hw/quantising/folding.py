"""Gains of neurons into the weights before them, so that 1 in a sum and 1 in a membrane are the same.

`v <- beta v + (1 - beta)(v_leak + r x)` becomes `v <- beta v + x`: the factor goes into the weights, what leaks in goes
into the bias, and beta is the nearest that the target has.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic, factor_of, tau_of
from talon.hw.rewrites.pass_ import Work, scaled
from talon.ir.csr import CSR
from talon.ir.edges import Edge
from talon.ir.edits import free
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph
from talon.ir.primitives.convolution import SDConv
from talon.ir.primitives.linear import Affine

FOLDED = "weights are multiplied and rounded before they are summed"


DENSE = 1 << 26
"""Elements of a sparse weight that is made dense."""


def dense(work: Work) -> None:
    """Sparse weights as arrays, with integers for every element. Raises `TalonTargetError` (T506) for large ones."""
    for name, node in work.nodes():
        weight = getattr(node, "weight", None)
        if not isinstance(weight, CSR):
            continue
        if math.prod(weight.shape) > DENSE:
            raise TalonTargetError(
                "T506",
                "the sparse weight is too large to be quantised",
                node=name,
                expected=f"at most {DENSE:,} elements, zeros counted",
                found=f"{weight.shape[0]:,} x {weight.shape[1]:,}",
                help="split the layer",
            )
        work.change(name, weight=weight.toarray())


def gains(work: Work, numeric: Arithmetic) -> None:
    """Give every neuron an input gain of 1 and no leak of its own. Raises `TalonTargetError` (T506) where it cannot."""
    for name, node in work.nodes():
        if "v_threshold" not in node.fields or not node.spiking:
            continue
        gain, leak, fields = wanted(work, name, node, numeric)
        if not (gain == 1).all() or (leak != 0).any():
            into_weights(work, name, gain, leak)
        changed = {key: value for key, value in fields.items() if not np.array_equal(getattr(node, key), value)}
        if changed:
            why = "the membrane decays by another factor" if "tau" in changed else None
            work.change(name, why, **changed)


def wanted(work: Work, name: str, node: Any, numeric: Arithmetic) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """What the input is to be multiplied by, what is to be added, and the fields of the neuron after that."""
    if "tau" not in node.fields:
        return np.asarray(node.r, np.float64), np.zeros(()), {"r": np.ones_like(node.r)}
    if numeric.decay is None:
        raise TalonTargetError(
            "T506",
            "membranes of the target do not decay",
            node=name,
            expected="IF",
            found="LIF",
            help="use IF, or another target",
        )
    tau = tau_of(factor_of(node.tau, numeric.decay), numeric.decay)
    lost = 1 / tau.astype(np.float64)
    fields = {"tau": tau, "r": tau, "v_leak": np.zeros_like(node.v_leak)}
    return np.asarray(lost * node.r), np.asarray(lost * node.v_leak), fields


def into_weights(work: Work, name: str, gain: np.ndarray, leak: np.ndarray) -> None:
    """Multiply the layers that feed a neuron; the first one takes what is added."""
    shape = work.graph.shapes[f"{name}:out"]
    before = work.sums_into(name, late=True)
    if gain.ndim > 1 or leak.ndim > 1:
        raise TalonTargetError(
            "T506",
            "the neuron has a gain of its own in every place, which weights that places share cannot take",
            node=name,
            expected="tau, r and v_leak with one value, or one per channel",
            found=f"gain of shape {gain.shape}, leak of shape {leak.shape}",
            help="give the parameters per channel",
        )
    if before is None or not all(map(work.channels_first, before)):
        before = [relay(work, name, shape)]
    for place, source in enumerate(before):
        node: Any = work.graph.nodes[source]
        fields = scaled(node, gain)
        if place == 0 and (leak != 0).any():
            fields["bias"] = (fields.get("bias", 0.0) + np.broadcast_to(leak, (node.dims["out"],))).astype(np.float32)
        work.change(source, FOLDED, **fields)


def relay(work: Work, name: str, shape: tuple[int, ...] | None) -> str:
    """A layer of weights 1 before a neuron that others feed too, or that no layer feeds; returns its name."""
    if shape is None or len(shape) not in (1, 3):
        raise TalonTargetError(
            "T506",
            "nothing before the neuron can take its gain",
            node=name,
            expected="layers with weights that feed it alone",
            found=f"other nodes, and samples of shape {shape}",
            help="put a layer before it",
        )
    channels = shape[0]
    layer: Any = (
        SDConv(np.ones((channels, 1, 1, 1), np.float32))
        if len(shape) == 3
        else Affine(np.eye(channels, dtype=np.float32))
    )
    graph = work.graph
    new = free(f"{name}_gain", graph.nodes)
    edges = [Edge(e.src, new if e.dst_node == name else e.dst, delay=e.delay) for e in graph.edges]
    nodes = {
        key: value
        for item in graph.nodes.items()
        for key, value in (*([(new, layer)] if item[0] == name else []), item)
    }
    work.log(name, "node", "no layer of its own", f"{layer.type_name} {new!r} before it")
    work.graph = Graph(nodes, [*edges, Edge(new, name)], **graph.given())
    return new
