"""Weights of integers: arrays, and sparse matrices of which nothing is made that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Register, overflowed
from talon.ir import exact
from talon.ir.csr import CSR
from talon.ir.grouped import parameters


def most(weight: Any) -> int:
    """The size of the largest weight."""
    return int(np.abs(parameters(weight)).max(initial=0))


def sizes(weight: Any, outs: int, per_step: bool) -> np.ndarray:
    """By output, the sum of the sizes of its weights `(out,)`, the largest over the steps."""
    if isinstance(weight, CSR):
        before = np.concatenate([[0], np.cumsum(np.abs(weight.data))])
        return np.asarray(before[weight.indptr[1:]] - before[weight.indptr[:-1]])
    steps = weight if per_step else weight[None]
    return np.asarray(np.abs(steps).reshape(len(steps), outs, -1).sum(axis=2).max(axis=0))


def sums(weight: Any, x: np.ndarray, bias: np.ndarray | None, columns: Any) -> np.ndarray:
    """Rows of inputs `(N, in)` times the weight, and the bias: exact. `columns`: a sparse weight by inputs."""
    if isinstance(weight, CSR):
        return exact.affine_by_columns(x, columns, weight.shape[0], bias)
    return exact.affine(x, np.ascontiguousarray(weight.T), bias)


def saturated(weight: Any, x: np.ndarray, total: np.ndarray, register: Register, columns: Any) -> np.ndarray:
    """One input of `x (..., in)` after the other added to `total (..., out)`, each sum kept to the register."""
    if not isinstance(weight, CSR):
        for i in range(x.shape[-1]):
            total = overflowed(total + x[..., i, None] * weight[:, i], register)
        return total
    # What an input does not reach is kept already, and stays as it is.
    (ends, rows, values), total = columns, total.copy()
    for i in np.flatnonzero(np.diff(ends)).tolist():
        own = slice(ends[i], ends[i + 1])
        reached = rows[own]
        total[..., reached] = overflowed(total[..., reached] + x[..., i, None] * values[own], register)
    return total


def part(weight: Any, node: Any, channels: tuple[int, int], columns: tuple[int, int] | None) -> np.ndarray:
    """The weights of some outputs of a layer, of all its inputs or of some, as an array."""
    per_step, matrix = node.per_step("weight"), "in" in node.dims
    if isinstance(weight, CSR):
        own = slice(weight.indptr[channels[0]], weight.indptr[channels[1]])
        found = np.zeros((channels[1] - channels[0], weight.shape[1]), weight.dtype)
        found[weight.rows[own] - channels[0], weight.indices[own]] = weight.data[own]
    else:
        found = weight[(slice(None), slice(*channels)) if per_step else slice(*channels)]
    if columns is None:
        return found
    return found.take(np.arange(*columns), axis=-1 if matrix else 1 + per_step)
