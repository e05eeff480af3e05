"""Sparse weights in integers: what is there is rounded, and nothing else is made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.hw.quantising import scales
from talon.hw.report import Finding, refusal
from talon.ir.csr import CSR

MOST_SCALES = 1 << 26
"""Scales of one weight. There is one for each element, zeros counted, where inputs of a layer have several units."""


def rounded(weight: Any, scale: np.ndarray, most: int) -> tuple[Any, int]:
    """As `scales.rounded`, of an array or a sparse matrix, whose elements that become 0 are left out."""
    if not isinstance(weight, CSR):
        return scales.rounded(weight, scale, most)
    rows = weight.rows
    found, cut = scales.rounded(weight.data, np.broadcast_to(scale, weight.shape)[rows, weight.indices], most)
    kept = found != 0
    counts = np.bincount(rows[kept], minlength=weight.shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return CSR(indptr, weight.indices[kept], found[kept], weight.shape), cut


def changes(before: Any, after: Any, cut: int) -> str:
    """What rounding did to a weight, in words."""
    said = f"{cut} weights are cut" if cut else "weights are rounded"
    gone = before.nnz - after.nnz if isinstance(before, CSR) else 0
    return f"{said}, {gone:,} become 0 and are left out" if gone else said


def refuse_many_scales(node: Any, before: np.ndarray, path: str) -> None:
    """Raise `TalonTargetError` (T506) for a large sparse weight that would have a scale for each element. `before`:
    what 1 stands for in its inputs."""
    shape = node.shape_of("weight")
    if isinstance(node.weight, CSR) and (before != before[0]).any() and math.prod(shape) > MOST_SCALES:
        raise refusal(
            Finding(
                "T506",
                "what the sparse layer reads has different units, so that its weight would have too many scales",
                node=path,
                expected=f"one unit, or at most {MOST_SCALES:,} elements, zeros counted",
                found=f"{shape[0]:,} x {shape[1]:,}",
                help="put neurons before it, or split it",
                resource="scales",
                have=MOST_SCALES,
                need=math.prod(shape),
            )
        )
