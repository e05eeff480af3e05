"""Sums that are shifted to the right into a membrane without decay: what is dropped is rounded, never kept.

An IF neuron adds its rounded sums up, so that one wrong rounding shows at every step that follows.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.arithmetic import ROUNDINGS, Arithmetic, Register
from talon.hw.integers.record import Encoding, QuantRecord
from talon.ir.quantized import Quantized
from tests.hw.chips import chip
from tests.hw.records import record_of

RNG = np.random.default_rng(12)
KERNELS = ("auto", "event", "dense", "oracle")
ONE = np.ones(1, np.float32)
ORDERS = (("decay", "input", "spike", "reset"), ("input", "decay", "spike", "reset"))


def rounded(value: Fraction, rounding: str) -> int:
    """A fraction to a whole number, by what the words mean."""
    if rounding == "floor":
        return math.floor(value)
    if rounding == "rtz":
        return math.trunc(value)
    down, rest = math.floor(value), value - math.floor(value)
    if rest == Fraction(1, 2):
        return down + 1 if rounding == "half_up" or down % 2 else down
    return down + (rest > Fraction(1, 2))


def by_hand(
    weights: np.ndarray, x: np.ndarray, shift: int, threshold: int, reset: str, rounding: str
) -> tuple[list[list[bool]], list[list[int]]]:
    """Spikes and membranes of every step, of one sample."""
    v = [0] * len(weights)
    spikes, membranes = [], []
    for step in x.astype(int).tolist():
        fired = []
        for o, row in enumerate(weights.tolist()):
            total = sum(w * n for w, n in zip(row, step, strict=True))
            v[o] = min(max(v[o] + rounded(Fraction(total, 2**shift), rounding), -(2**15)), 2**15 - 1)
            fired.append(v[o] >= threshold)
            if fired[-1] and reset != "none":
                v[o] = v[o] - threshold if reset == "subtract" else 0
        spikes.append(fired)
        membranes.append(list(v))
    return spikes, membranes


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
@pytest.mark.parametrize("reset", ["subtract", "value", "none"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_by_hand(rounding: str, reset: str, order: tuple[str, ...]) -> None:
    """Every sum from -24 to 24 alone, halves and quarters on both sides of 0, and then mixtures of them."""
    bits, threshold, sums = 3, 5, np.arange(-24, 25)
    # A neuron for each sum, which the first input gives; the second gives its double and the third 1.
    weights = np.stack([sums, 2 * sums, np.ones_like(sums)], axis=1)
    x = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], *RNG.integers(0, 2, (12, 3))], np.float32)[:, None]
    held = Quantized(np.int32(threshold), np.float32(2**bits), 16, "pow2")
    nothing = Quantized(np.int32(0), np.float32(2**bits), 16, "pow2")
    neuron = ir.IF(float(threshold * 2**bits), reset=reset).changed(v_threshold=held, v_reset=nothing)
    graph = ir.Graph.chain(
        input=ir.Input([3]),
        layer=ir.Affine(weights.astype(np.float32)).changed(weight=Quantized(weights.astype(np.int8), ONE, 8, "pow2")),
        neuron=neuron,
        output=ir.Output([len(sums)]),
    )
    arithmetic = Arithmetic(
        Register(24, "saturate"), rounding, Register(16, "saturate"), None, "ge", "exact", tuple(order)
    )
    record = QuantRecord(arithmetic, {"input": Encoding(1.0, 0, 1)}, {"layer": ONE}, shifts={"neuron": -bits})
    quantised = graph.changed(quantization_config=record.as_config())
    spikes, membranes = by_hand(weights, x[:, 0], bits, threshold, reset, rounding)
    assert 0 < np.mean(spikes) < 1
    keys = ["neuron.v", "neuron.spikes"]
    for kernels in KERNELS:
        told = run(quantised, x, engine="integer", engine_options={"kernels": kernels}, record=keys)
        assert told.engine.nodes["neuron"].startswith("native") is (kernels != "oracle"), told.engine.nodes
        assert np.array_equal(told.records["neuron.spikes"][:, 0], spikes), kernels
        assert np.array_equal(told.records["neuron.v"][:, 0] / 2**bits, membranes), kernels


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("layer", ["dense", "convolution"])
def test_quantising_shifts_to_the_right(layer: str, rounding: str) -> None:
    """Membranes of 9 bits, and sums that need more: C and the oracle make one network of it."""
    shape = [6, 5, 5] if layer == "convolution" else [40]
    node: Any = (
        ir.Conv2d(RNG.normal(0, 0.5, (4, 6, 3, 3)), RNG.normal(0, 0.2, 4))
        if layer == "convolution"
        else ir.Affine(RNG.normal(0, 0.5, (7, 40)), RNG.normal(0, 0.2, 7))
    )
    x = (RNG.random((25, 3, *shape)) < 0.4).astype(np.float32)
    graph = ir.Graph.chain(ir.Input(shape), node, ir.IF(2.0, reset="subtract"), ir.Output(None))
    target = chip(membranes__bits=9, accumulators__rounding=rounding)
    quantised = hw.quantize(graph, target, calibration=x)
    (cell,) = (name for name, found in quantised.nodes.items() if isinstance(found, ir.IF))
    assert record_of(quantised)["shifts"][cell] < 0
    keys = [f"{cell}.v", f"{cell}.spikes"]
    first, *others = (
        run(quantised, x, engine="integer", engine_options={"kernels": kernels}, record=keys) for kernels in KERNELS
    )
    assert 0 < first.records[keys[1]].mean() < 1
    for found in others:
        for key in keys:
            assert np.array_equal(found.records[key], first.records[key])
