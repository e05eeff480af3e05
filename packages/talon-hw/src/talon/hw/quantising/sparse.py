"""Sparse weights, which are arrays in integers: how large they become, and where that is too much."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from talon.engine.memory import available, sized
from talon.engine.needs import NAMED, SMALL
from talon.hw.report import Finding, refusal
from talon.hw.rewrites.pass_ import Work
from talon.ir.csr import CSR
from talon.ir.errors import TalonRunError, TalonTargetError
from talon.ir.grouped import elements

DENSE = 1 << 26
"""Elements of a weight that is made an array."""
EACH, MORE = 27, 18
"""Bytes that quantising takes at its peak for every element of such weights, and besides for those of the largest: in
floats and integers of several widths. Measured."""
ZEROS = "zeros are stored and multiplied, too"


def dense(work: Work) -> None:
    """Sparse weights as arrays, with integers for every element. Refuses (T506) large ones."""
    for name, node in work.nodes():
        if "weight" in node.fields and is_sparse(node):
            try:
                refuse_large(node, name)
            except TalonTargetError as error:
                work.refuse(error)
                continue
            weight = work.array(node.shape_of("weight"), partial(as_array, node))
            work.become(name, "weight", weight, *sizes(node))


def as_array(node: Any) -> np.ndarray:
    found: np.ndarray = node.weight.toarray()
    return found


def is_sparse(node: Any) -> bool:
    """Whether the weight is sparse; it is not read."""
    weight = node.raw("weight")
    return isinstance(weight, CSR) or getattr(weight, "kind", None) is CSR


def sizes(node: Any) -> tuple[str, str]:
    """A sparse weight before and after, for the ledger."""
    shape, kept = node.shape_of("weight"), elements(node.raw("weight"))
    count = math.prod(shape)
    after = f"array of {sized(count)} at up to 8 bits, else {sized(2 * count)}: {ZEROS}"
    return f"CSR({shape[0]:,} x {shape[1]:,}), {kept:,} of {count:,} elements", after


def refuse_large(node: Any, path: str) -> None:
    """Raise `TalonTargetError` (T506) for a sparse weight that is too large as an array."""
    shape = node.shape_of("weight")
    if is_sparse(node) and math.prod(shape) > DENSE:
        raise refusal(
            Finding(
                "T506",
                "the sparse weight is too large to be quantised",
                node=path,
                expected=f"at most {DENSE:,} elements, zeros counted",
                found=f"{shape[0]:,} x {shape[1]:,}",
                help="split the layer",
                resource="elements",
                have=DENSE,
                need=math.prod(shape),
            )
        )


def refuse_without_memory(work: Work) -> None:
    """Raise `TalonRunError` (T409) where the sparse weights of a graph do not fit in memory as arrays, before any is
    made."""
    counts = {
        name: math.prod(node.shape_of("weight"))
        for name, node in work.nodes()
        if "weight" in node.fields and is_sparse(node)
    }
    needed = EACH * sum(counts.values()) + MORE * max(counts.values(), default=0)
    if needed <= SMALL or (there := available()) is None or needed <= there.size:
        return
    largest = sorted(counts.items(), key=lambda item: -item[1])
    parts = [f"{work.paths.get(name, name)!r} {count:,} elements" for name, count in largest[:NAMED]]
    more = [f"{len(counts) - NAMED} more"] if len(counts) > NAMED else []
    raise TalonRunError(
        "T409",
        "the sparse weights do not fit in memory as the arrays that integers are",
        node=work.paths.get(largest[0][0], largest[0][0]),
        expected=f"at most {sized(there.size)} ({there.limit})",
        found=f"about {sized(needed)}: {', '.join([*parts, *more])}, zeros counted",
        help="split the network with graph.subgraph and quantise the parts, or take a machine with more memory",
    )
