"""Integer neurons of the C library, in the widths and by the rules that most networks have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.native import library
from tests.hw.records import record_of
from tests.hw.test_integers_native import agree, chip, spikes, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(16)


def test_neurons_that_there_are_not_are_refused() -> None:
    c = library.library()
    x, counts = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    v, one = np.zeros((1, 3), np.int32), np.ones(1, np.int32)
    right: list[Any] = [
        c.CELL,
        2,
        1,
        3,
        32,
        0,
        0,
        0,
        (c.SHIFT, 0, 0),
        (0, 0),
        (8, 0),
        (16, 0),
        np.zeros((2, 3), np.uint8),
        v,
        None,
        counts,
    ]
    right += [one, one, one]
    assert c.neuron(x, tuple(right)) == 0
    for place, value in (
        (4, 0),
        (5, 3 * c.SUBTRACT),
        (5, c.LEAKS),
        (5, c.ALIKE),
        (5, 512),
        (6, 4),
        (8, (4, 0, 0)),
        (8, (c.MULTIPLY, 32, 0)),
        (9, (40, 0)),
        (9, (0, 4)),
        (10, (65, 0)),
        (11, (33, 0)),
        (11, (8, 3)),
        (13, v.astype(np.int64)),
        (16, one * 32),
    ):
        wrong = [*right]
        wrong[place] = value
        with pytest.raises(ValueError, match=r"expected|no such"):
            c.neuron(x, tuple(wrong))


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("rounding", ["rtz", "half_even"])
@pytest.mark.parametrize("comparator", ["ge", "gt"])
@pytest.mark.parametrize("many", ["none", "thresholds", "all"])
@pytest.mark.parametrize("membranes", [16, 18])
def test_neurons_of_one_pass(
    tmp_path: Path, reset: str, rounding: str, comparator: str, many: str, membranes: int
) -> None:
    """The rules that most networks have, behind sums of every type; of 16 bits by hand where the processor has that."""
    own: Any = RNG.uniform(0.3, 1.0, 40) if many != "none" else 0.5
    tau: Any = RNG.uniform(3.0, 9.0, 40) if many == "all" else 5.0
    low: Any = RNG.uniform(-0.2, 0.1, 40) if many == "all" else 0.1
    given: dict[str, Any] = {"reset": reset, "comparator": comparator, "v_reset": low if reset == "value" else 0.0}
    numbers: dict[str, Any] = {"accumulators_bits": 32, "membranes_bits": membranes, "weights_bits": 12}
    target = chip(tmp_path, decay_rounding=rounding, comparator=comparator, **numbers)
    x = spikes(9, 5, 3, 6, 5)
    flat = x.reshape(9, 5, -1)
    conv = ir.Conv2d(weights(40, 3, 3, 3), padding=1)
    for layer, bits, inputs in (
        (conv, 8, x),
        (ir.Affine(weights(40, 90)), 8, flat),
        (ir.Affine(weights(40, 90)), membranes - 7, flat),
    ):
        graph = ir.Graph.chain(
            input=ir.Input(list(inputs.shape[2:])),
            layer=layer,
            lif=ir.LIF(tau, 3.0, 0.0, own, **given),
            out=ir.Output(None),
        )
        quantised = hw.quantize(graph, target, calibration=inputs, bits=bits)
        # Or it would not be one pass.
        assert record_of(quantised)["shifts"].get("lif", 0) >= 0
        found = agree(quantised, inputs, record="*")
        assert found.engine.nodes["lif"].endswith("int16" if membranes == 16 and rounding == "rtz" else "int32")
        assert 0.02 < found.outputs["out"].mean() < 0.98


@pytest.mark.parametrize("kind", ["conv", "fc"])
def test_what_a_negative_threshold_leaves_may_not_fit(tmp_path: Path, kind: str) -> None:
    """Every spike lifts the membrane, up to the end of its register."""
    target = chip(tmp_path, accumulators_bits=32, membranes_bits=12, weights_bits=6)
    x = spikes(120, 3, 2, 4, 4)
    layer = ir.Conv2d(np.abs(weights(20, 2, 1, 1))) if kind == "conv" else ir.Affine(np.abs(weights(20, 2)))
    inputs = x if kind == "conv" else x[..., 0, 0]
    graph = ir.Graph.chain(
        input=ir.Input(list(inputs.shape[2:])),
        layer=layer,
        lif=ir.LIF(1000.0, 1000.0, 0.0, -0.3, reset="subtract"),
        out=ir.Output(None),
    )
    quantised = hw.quantize(graph, target, calibration=inputs[:4], bits=6)
    # Or it would not be one pass.
    assert record_of(quantised)["shifts"].get("lif", 0) >= 0
    found = agree(quantised, inputs, record="*")
    largest = max(int(np.abs(values["v"]).max()) for values in found.state.nodes.values())
    assert largest == 2**11 - 1


@pytest.mark.parametrize("comparator", ["ge", "gt"])
def test_membranes_that_saturate_at_sixteen_at_once(tmp_path: Path, comparator: str) -> None:
    """More comes than the calibration had: every membrane is at the end of its register when a spike takes from it."""
    target = chip(tmp_path, accumulators_bits=32, membranes_bits=12, weights_bits=6, comparator=comparator)
    few = spikes(6, 3, 60, rate=0.03)
    graph = ir.Graph.chain(
        input=ir.Input([60]),
        fc=ir.Affine(np.abs(weights(50, 60)) + 0.5),
        lif=ir.LIF(5.0, 5.0, 0.0, 0.9, reset="subtract", comparator=comparator),
        out=ir.Output(None),
    )
    quantised = hw.quantize(graph, target, calibration=few, bits=6)
    assert record_of(quantised)["shifts"].get("lif", 0) >= 0
    found = agree(quantised, np.ones_like(few), record="lif.spikes")
    thresholds = quantised.nodes["lif"].quant["v_threshold"].integers
    assert (found.state.nodes["lif"]["v"] == 2**11 - 1 - thresholds).all()
