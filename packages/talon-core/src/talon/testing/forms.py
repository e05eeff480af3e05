"""The same random instance in other forms: with sparse matrices, with quantised fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from talon.ir.csr import CSR
from talon.ir.errors import TalonError
from talon.ir.fields import ArrayField
from talon.ir.grouped import Grouped
from talon.ir.quantized import Quantized

if TYPE_CHECKING:
    from talon.testing.strategies import Sample

WIDTHS = (8, 12, 24)
"""Bits of the first, second, third array field, and so on from the start: integers of every dtype."""


def as_drawn(case: Sample) -> Sample | None:
    """As it is."""
    return case


def sparsely(case: Sample) -> Sample | None:
    """The same with sparse matrices, of which a third is not there, in all fields that take them; None without such."""
    found: dict[str, CSR] = {}
    for name, declared in case.node.fields.items():
        value = case.node.stored(name)
        takes = isinstance(declared, ArrayField) and CSR in declared.kinds
        if takes and isinstance(value, np.ndarray) and value.ndim == 2:
            there = np.arange(value.size).reshape(value.shape) % 3 > 0
            found[name] = CSR.from_dense(np.where(there, value, value.dtype.type(0)))
    return replace(case, node=case.node.changed(**found)) if found else None


def quantised(case: Sample) -> Sample | None:
    """The same with integers in the place of floats in every array field whose values may be those; None without."""
    found = case.node
    for number, (name, declared) in enumerate(case.node.fields.items()):
        value = case.node.stored(name)
        if not isinstance(declared, ArrayField) or not isinstance(value, (np.ndarray, CSR)):
            continue
        try:
            changed = found.changed(**{name: integers(value, WIDTHS[number % len(WIDTHS)], pow2=number % 2 > 0)})
            if not list(changed.problems()):  # rounding may lead out of the range that is legal
                found = changed
        except TalonError:
            continue
    return replace(case, node=found) if found.quant else None


def integers(value: np.ndarray | CSR, bits: int, pow2: bool) -> Quantized:
    """Values in integers of some width: each row with a scale of its own, or all with one that is a power of two."""
    dense = value.toarray() if isinstance(value, CSR) else value
    largest = np.abs(dense.astype(np.float64))
    along = () if pow2 else tuple(range(1, dense.ndim))
    top = largest.max(axis=along, keepdims=True) if along else np.asarray(largest.max())
    most = 2 ** (bits - 1) - 1
    scale = np.where(top > 0, top / most, 1.0)
    if pow2:
        scale = np.exp2(np.ceil(np.log2(scale)))
    dtype = np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32

    def rounded(values: np.ndarray, scales: np.ndarray) -> np.ndarray:
        whole: np.ndarray = np.clip(np.rint(values.astype(np.float64) / scales), -most, most).astype(dtype)
        return whole

    made = value.scaled(scale, rounded) if isinstance(value, Grouped) else rounded(value, scale)
    return Quantized(made, scale, bits, "pow2" if pow2 else "float")


FORMS: tuple[Callable[[Sample], Sample | None], ...] = (as_drawn, sparsely, quantised)
"""What gives each form, or None where there is none; the first is the one that is always there."""
