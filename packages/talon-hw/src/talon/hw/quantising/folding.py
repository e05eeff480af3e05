"""Gains of neurons into the weights before them, so that 1 in a sum and 1 in a membrane are the same.

`v <- beta v + (1 - beta)(v_leak + r x)` becomes `v <- beta v + x`: the factor goes into the weights, what leaks in goes
into the bias, and beta is the nearest that the target has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic, factor_of, tau_of
from talon.hw.integers.pieces import PIECES, Weights
from talon.hw.quantising.units import compact
from talon.hw.rewrites.pass_ import Work, diagonal
from talon.ir.edges import Edge
from talon.ir.errors import TalonTargetError
from talon.ir.primitives.convolution import Conv1d, SDConv
from talon.ir.primitives.linear import Affine
from talon.ir.primitives.neurons import spread

FOLDED = "weights are multiplied and rounded before they are summed"


def gains(work: Work, numeric: Arithmetic) -> None:
    """Give every neuron an input gain of 1 and no leak of its own. Raises `TalonTargetError` (T506) where it cannot."""
    carrying = carrying_sums(work)
    for name, node in work.nodes():
        if "v_threshold" not in node.fields or not node.spiking:
            continue
        rank = len(work.shape(name) or ())
        try:
            refuse_places(node, rank, name, numeric)
        except TalonTargetError as error:
            work.refuse(error)
            continue
        gain, leak, fields = wanted(node, rank, name, numeric)
        if folds(gain, leak):
            into_weights(work, carrying, name, gain, leak)
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


def into_weights(work: Work, carrying: set[str], name: str, gain: np.ndarray, leak: np.ndarray) -> None:
    """Multiply the layers that feed a neuron; the first one takes what is added."""
    before = feeding(work, carrying, name, gain, leak)
    if before is None:
        new = relay(work, carrying, name, work.into(name))
        before = [] if new is None else [new]
    for place, source in enumerate(before):
        work.scale(source, gain, leak if place == 0 and (leak != 0).any() else None, FOLDED)


def feeding(work: Work, carrying: set[str], name: str, gain: np.ndarray, leak: np.ndarray) -> list[str] | None:
    """The layers whose sums a neuron reads, directly or through pools, and nothing else reads; None where others feed
    it. A layer that others read too is taken twice."""
    found: list[str] = []
    waiting = deque([name])
    while waiting:
        reader = waiting.popleft()
        for source in dict.fromkeys(edge.src_node for edge in work.into(reader)):
            node = work.node(source)
            several = any(edge.dst_node != reader for edge in work.out_of(source))
            if PIECES.get(node.type_name) is Weights:
                if (gain.size > 1 or leak.size > 1) and not work.channels_first(source):
                    return None
                found.append(own_copy(work, carrying, source, reader) if several else source)
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


def own_copy(work: Work, carrying: set[str], source: str, reader: str) -> str:
    """A layer once more, for one of its readers."""
    new = work.draft.add(f"{source}_{reader}", work.node(source), work.shape(source), source)
    for edge in work.into(source):
        work.draft.swap(edge, [edge, Edge(edge.src, new, delay=edge.delay)])
    for edge in work.out_of(source):
        if edge.dst_node == reader:
            work.draft.swap(edge, [Edge(new, edge.dst, delay=edge.delay)])
    work.log(source, "node", "read by several nodes", f"{new!r} for {reader!r} alone")
    carrying.add(new)
    return new


def meetings(work: Work) -> None:
    """Where spikes or numbers of an Input are added to the sums of layers, give them a layer of weights 1, so that all
    that is added can have one unit."""
    carrying = carrying_sums(work)
    for name, node in work.nodes():
        for edges in arguments(work, name, node):
            bare = [edge for edge in edges if edge.src_node not in carrying]
            if bare and len(bare) < len(edges):
                relay(work, carrying, name, bare)


def arguments(work: Work, name: str, node: Any) -> list[list[Edge]]:
    """The edges of every port that adds several."""
    ports = node.ports().inputs
    found: dict[str, list[Edge]] = {}
    for edge in work.into(name):
        found.setdefault(edge.dst_port or ports[0].name, []).append(edge)
    return [found[port.name] for port in ports if not port.ordered and len(found.get(port.name, ())) > 1]


def carrying_sums(work: Work) -> set[str]:
    """The nodes that give sums of layers, their own or others'."""
    found = {name for name, node in work.nodes() if PIECES.get(node.type_name) is Weights}
    waiting = list(found)
    while waiting:
        for edge in work.out_of(waiting.pop()):
            if edge.dst_node not in found and not work.node(edge.dst_node).spiking:
                found.add(edge.dst_node)
                waiting.append(edge.dst_node)
    return found


ONES: Mapping[int, Callable[[int], Any]] = {
    1: lambda count: Affine(diagonal(np.ones(count, np.float32))),
    2: lambda channels: Conv1d(np.ones((channels, 1, 1), np.float32), groups=channels),
    3: lambda channels: SDConv(np.ones((channels, 1, 1, 1), np.float32)),
}
"""A layer of weights 1 for samples of so many axes."""


def relay(work: Work, carrying: set[str], name: str, taken: list[Edge]) -> str | None:
    """A layer of weights 1 on edges into one port of a node; returns its name, None where that is refused."""
    shape = work.draft.shape(taken[0]) if taken else None
    if shape is None or len(shape) not in ONES or any(edge.src_node in carrying for edge in taken):
        work.refuse(
            TalonTargetError(
                "T506",
                "nothing before the node can take its gain, or bring what is added to one unit",
                node=name,
                expected="layers with weights that feed it alone",
                found=f"other nodes, and samples of shape {shape}",
                help="put a layer before it",
            )
        )
        return None
    channels = shape[0]
    layer = ONES[len(shape)](channels)
    new = work.draft.add(f"{name}_gain", layer, shape, name, before=True)
    for edge in taken:
        work.draft.swap(edge, [Edge(edge.src, new, delay=edge.delay)])
    work.draft.append(Edge(new, taken[0].dst))
    work.log(name, "node", "no layer of its own", f"{layer.type_name} {new!r} before it")
    carrying.add(new)
    return new
