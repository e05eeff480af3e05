"""Every numeric rule of a target, on one core and on many: the same bits as the integer engine."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.arithmetic import ACCUMULATIONS, ROUNDINGS
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ROOMY, agree, split, targets_for
from tests.hw.integer_networks import DECAYS

RNG = np.random.default_rng(22)
ORDERS = ('["decay", "input", "spike", "reset"]', '["input", "decay", "spike", "reset"]')


def normal(*shape: int, size: float = 1.0) -> np.ndarray:
    return (RNG.standard_normal(shape) * size).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def net(cell: Any, inputs: int = 8) -> ir.Graph:
    """Two layers of these neurons."""
    return ir.Graph.chain(
        input=ir.Input([inputs]),
        fc=ir.Affine(normal(6, inputs), normal(6, size=0.1)),
        cell=cell,
        fc2=ir.Affine(normal(4, 6)),
        cell2=ir.LIF(2.0, 2.0, 0.0, 0.4, comparator=cell.comparator),
        out=ir.Output([4]),
    )


@pytest.mark.parametrize("kind", ["LIF", "IF"])
@pytest.mark.parametrize("reset", ["value", "subtract", "none"])
@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("order", ORDERS)
def test_resets(kind: str, reset: str, late: int, order: str) -> None:
    fields: dict[str, Any] = {
        "reset": reset, "reset_delay": late, "v_reset": normal(6, size=0.2), "v_init": normal(6),
    }  # fmt: skip
    cell = ir.LIF(3.0, 2.0, 0.1, 0.7, **fields) if kind == "LIF" else ir.IF(0.9, **fields)
    split(net(cell), spikes(16, 2, 8), parts=(1, 3), changes={"order": order})


@pytest.mark.parametrize("comparator", ["ge", "gt"])
def test_comparators_at_the_threshold_itself(comparator: str) -> None:
    """Weights that are whole numbers meet it often."""
    graph = ir.Graph.chain(
        ir.Input([5]),
        ir.Affine(RNG.integers(-3, 4, (6, 5)).astype(np.float32)),
        ir.IF(2.0, reset="subtract", comparator=comparator),
        ir.Output([6]),
    )
    split(graph, spikes(16, 2, 5), changes={"comparator": comparator})


@pytest.mark.parametrize("decay", DECAYS, ids=str)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_decays_and_roundings(decay: dict[str, Any], rounding: str) -> None:
    cell = ir.LIF(np.array([1.0, 2.0, 3.0, 4.0, 9.0, 30.0]), 4.0, 0.0, 0.6)
    changes = {**decay, "accumulators__rounding": rounding, "membranes__bits": 9}
    split(net(cell), spikes(16, 2, 8), parts=(1, 7), changes=changes)


LAYERS: list[Any] = [
    (lambda: ir.Affine(normal(6, 40)), [40]),
    (lambda: ir.Conv1d(normal(6, 4, 3), normal(6), padding=1), [4, 10]),
    (lambda: ir.Conv2d(normal(6, 2, 2, 3), normal(6), padding=1, groups=2), [4, 5, 2]),
]


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("accumulate", ACCUMULATIONS)
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_sums_that_leave_their_registers(overflow: str, accumulate: str, layer: Any, shape: list[int]) -> None:
    """Calibrated on almost nothing, run on much: every addition may meet the border of its register."""
    changes = {
        "accumulate": accumulate, "accumulators__bits": 10, "accumulators__overflow": overflow,
        "membranes__bits": 10, "membranes__overflow": overflow,
    }  # fmt: skip
    quiet = np.zeros((2, 1, 40), np.float32)
    quiet[:, :, 0] = 1
    graph = ir.Graph.chain(ir.Input(shape), layer(), ir.LIF(4.0, 4.0, 0.0, 1.0), ir.Output(None))
    loud = spikes(8, 2, *shape, rate=0.8)
    split(graph, loud, calibration=quiet.reshape(2, 1, *shape), changes=changes)


@pytest.mark.parametrize("register", ["accumulators", "membranes"])
def test_traps(register: str) -> None:
    """Where the engine stops, cores stop, with the same code."""
    changes = {f"{register}__bits": 10, f"{register}__overflow": "trap"}
    graph = ir.Graph.chain(
        ir.Input([40]), ir.Affine(np.ones((3, 40), np.float32)), ir.IF(1.0, reset="none"), ir.Output([3])
    )
    quiet = np.zeros((2, 1, 40), np.float32)
    quiet[:, :, 0] = 1
    quantised = hw.quantize(graph, chip(ROOMY, **changes), calibration=quiet, method="max")
    targets = targets_for(quantised, **changes)
    agree(quantised, quiet, targets)
    loud = np.ones((30, 1, 40), np.float32)
    with pytest.raises(ir.TalonRunError, match="traps") as caught:
        run(quantised, loud, engine="integer")
    said = caught.value.diagnostic
    assert said.node == "if"
    assert ", in step " in said.message
    assert str(said.found).endswith("in sample 0")
    for target in targets:
        with pytest.raises(ir.TalonRunError, match="traps") as found:
            hw.deploy(quantised, target).run(loud)
        assert found.value.code == caught.value.code == "T507"
        assert found.value.diagnostic == said


@pytest.mark.parametrize("gain", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_shifts_into_the_membrane(gain: float, bits: int) -> None:
    """Sums of few bits are shifted to the left, large ones to the right."""
    graph = ir.Graph.chain(
        ir.Input([8]),
        ir.Affine(normal(6, 8) * gain),
        ir.LIF(3.0, 2.0, 0.0, 0.5 * gain),
        ir.Output([6]),
    )
    for membranes, scale in itertools.product((8, 24), ("pow2", "float")):
        split(graph, spikes(8, 2, 8), parts=(1, 2), bits=bits,
              changes={"membranes__bits": membranes, "weights__scale": scale})  # fmt: skip


def test_shifts_go_both_ways() -> None:
    """Or the test above would not test them."""
    shifts = set()
    for membranes in (8, 24):
        graph = ir.Graph.chain(ir.Input([8]), ir.Affine(normal(6, 8)), ir.LIF(3.0, 2.0, 0.0, 0.5), ir.Output([6]))
        target = chip(ROOMY, membranes__bits=membranes)
        (layer,) = hw.deploy(hw.quantize(graph, target, calibration=spikes(8, 2, 8)), target).chip.layers
        shifts.add(int(np.sign(layer.shift)))
    assert shifts == {-1, 1}


def test_widths_of_a_layer_itself() -> None:
    """A layer's own accumulator is narrower than the target's."""
    graph = ir.Graph.chain(
        ir.Input([30]),
        ir.SpikingAffine(np.abs(normal(6, 30)), accumulator_bits=8, weight_bits=6),
        ir.LIF(3.0, 2.0, 0.0, 0.5),
        ir.Output([6]),
    )
    found = split(graph, spikes(8, 2, 30, rate=0.9))
    assert {layer.input_bits for layer in found[0][0].chip.layers} == {8}
