"""Parameters as integers in known units: weights, biases, thresholds, resets and first membranes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import scale_of
from talon.hw.quantising import sparse
from talon.hw.quantising.scales import narrow, rounded
from talon.ir.primitives.neurons import spread
from talon.ir.quantized import MOST_BITS, Quantized


class Field(NamedTuple):
    """A field as it becomes, and what the ledger says of it."""

    name: str
    value: Quantized
    after: str
    why: str


PARAMETERS = ("v_threshold", "v_reset", "v_init")
"""What membranes are compared with and set to."""


def stored(bits: int) -> int:
    """Bits of a parameter for a register: files hold at most 32."""
    return min(bits, MOST_BITS)


def parameter_bits(key: str, numeric: Arithmetic, threshold_bits: int) -> int:
    """Bits of what a membrane is compared with or set to."""
    membrane = stored(numeric.membranes.bits)
    return min(membrane, threshold_bits) if key == "v_threshold" else membrane


def rule_of(scale: np.ndarray, rule: str) -> str:
    return "pow2" if rule == "pow2" and (np.frexp(scale)[0] == 0.5).all() else "float"


def layer_fields(node: Any, unit: np.ndarray, before: np.ndarray, bits: int, wide: int, rule: str) -> Iterator[Field]:
    """Weight and bias of a layer whose sums have this unit. `before`: what 1 stands for in its inputs; `bits`: of
    weights, `wide`: of biases."""
    weight, scale = node.weight, scale_of(node, unit, before)
    integers, cut = sparse.rounded(weight, scale, 2 ** (bits - 1) - 1)
    yield Field(
        "weight",
        Quantized(narrow(integers, bits), scale, bits, rule_of(scale, rule)),
        f"{bits} bits, scale {scale.min():.4g} to {scale.max():.4g}",
        sparse.changes(weight, integers, cut),
    )
    if node.bias is not None:
        values, lost = rounded(node.bias, unit, 2 ** (wide - 1) - 1)
        quantised = Quantized(values.astype(np.int32), unit, wide, rule_of(unit, rule))
        yield Field("bias", quantised, f"{wide} bits", f"{lost} values are cut" if lost else "values are rounded")


def neuron_fields(
    node: Any, unit: np.ndarray, rank: int, numeric: Arithmetic, threshold_bits: int, rule: str
) -> Iterator[Field]:
    """Threshold, reset and first membrane of a neuron whose membranes have this unit. `rank`: of a sample."""
    scale = spread(unit, rank)
    for key in PARAMETERS:
        value = getattr(node, key)
        bits = parameter_bits(key, numeric, threshold_bits)
        if key != "v_threshold" and (value == 0).all():
            continue
        along = spread(value, rank)
        full = np.broadcast_to(along, np.broadcast_shapes(along.shape, scale.shape))
        own = scale
        if full.ndim and full.size == full.shape[0]:
            # One value per channel has a form of its own.
            full, own = full.reshape(-1), scale.reshape(-1) if scale.ndim else scale
        integers, cut = rounded(full, own, 2 ** (bits - 1) - 1)
        quantised = Quantized(integers.astype(np.int32), own.astype(np.float32), bits, rule_of(own, rule))
        yield Field(key, quantised, f"{bits} bits", f"{cut} values are cut" if cut else "values are rounded")
