"""Our integers against emulators of two chips, recorded by `make chips`: equal to the bit.

Loihi: Brian2Loihi and nengo-loihi. The voltage decays by a 12-bit multiply rounded toward zero, the current is gone
after a step. Xylo: its own simulator, xylosim. States decay by a shift, by at least 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run
from talon.hw.integers.arithmetic import Arithmetic, Decay, Register, decayed
from talon.hw.integers.record import Encoding, QuantRecord
from talon.ir.quantized import Quantized

GOLDEN = Path(__file__).parents[1] / "golden"
NEURONS = np.load(GOLDEN / "loihi" / "neurons.npz")
LOIHI = Decay("multiply", 12, "rtz")
DECAYS = sorted({int(key.split("/")[0]) for key in NEURONS})
XYLO = Decay("shift_at_least_1", 1, "floor")


def recorded(decay: int) -> dict[str, np.ndarray]:
    return {key.split("/")[1]: NEURONS[key] for key in NEURONS if key.startswith(f"{decay}/")}


def network(seen: dict[str, Any]) -> ir.Graph:
    """The recorded layer as a quantised graph: one unit of a sum, a weight and a membrane is 1."""
    weights, decay, threshold = seen["weights"], int(seen["decay"]), int(seen["threshold"])
    one = np.ones((), np.float32)
    integers = {
        "v_threshold": Quantized(np.full(len(weights), threshold, np.int32), one, 24, "pow2"),
        "v_init": Quantized(seen["start"], one, 24, "pow2"),
    }
    # Nothing of 4096 lost is no decay; what loses all of it has forgotten the step before.
    tau = 4096 / decay if decay else None
    neuron: ir.Primitive = ir.LIF(tau, tau, 0.0, 1.0, comparator="gt") if tau else ir.IF(1.0, comparator="gt")
    layer = ir.Affine(weights.astype(np.float32)).changed(weight=Quantized(weights.astype(np.int16), one, 16, "pow2"))
    graph = ir.Graph.chain(
        input=ir.Input([weights.shape[1]]),
        layer=layer,
        neuron=neuron.changed(**integers),
        output=ir.Output([len(weights)]),
    )
    order = ("decay", "input", "spike", "reset")
    wide = Register(24, "wrap")
    arithmetic = Arithmetic(wide, "floor", Register(24, "saturate"), LOIHI, "gt", "exact", order)
    record = QuantRecord(arithmetic, {"input": Encoding(1.0, 0, 1)}, {"layer": np.ones(1, np.float32)})
    return graph.changed(quantization_config=record.as_config())


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("kernels", ["auto", "oracle"])
def test_a_layer_of_loihi(decay: int, kernels: str) -> None:
    seen = recorded(decay)
    assert seen["spikes"].any(), "a recording without spikes shows no reset"
    x = seen["inputs"][:, None].astype(np.float32)
    found = run(
        network(seen), x, engine="integer", engine_options={"kernels": kernels}, record=["neuron.spikes", "neuron.v"]
    )
    assert np.array_equal(found.records["neuron.spikes"][:, 0], seen["spikes"])
    assert np.array_equal(found.records["neuron.v"][:, 0], seen["membranes"])


@pytest.mark.parametrize("decay", [d for d in DECAYS if 0 < d < 4096])
def test_no_other_rounding_gives_what_loihi_does(decay: int) -> None:
    seen = recorded(decay)
    before = np.concatenate([seen["start"][None], seen["membranes"][:-1]]).astype(np.int64)
    inputs = seen["inputs"].astype(np.int64) @ seen["weights"].T.astype(np.int64)
    silent = seen["spikes"] == 0
    factor = np.array(4096 - decay)
    alike = {
        rounding: bool(
            (decayed(before, factor, Decay("multiply", 12, rounding)) + inputs == seen["membranes"])[silent].all()
        )
        for rounding in ("floor", "rtz", "half_even", "half_up")
    }
    assert alike == {"floor": False, "rtz": True, "half_even": False, "half_up": False}


def test_one_step_of_nengos_loihi() -> None:
    seen = np.load(GOLDEN / "loihi" / "decays.npz")
    before = seen["before"].astype(np.int64)
    for decay, after in zip(seen["decays"].tolist(), seen["after"], strict=True):
        assert np.array_equal(decayed(before, np.array(4096 - decay), LOIHI), after), decay


def test_every_state_of_xylo() -> None:
    seen = np.load(GOLDEN / "xylo" / "decays.npz")
    weights = seen["weights"].astype(np.int64)
    for shift, currents, membranes in zip(seen["shifts"].tolist(), seen["currents"], seen["membranes"], strict=True):
        current, membrane = weights, np.zeros_like(weights)
        for step in range(len(currents)):
            current = decayed(current, np.array(shift), XYLO)
            membrane = decayed(membrane, seen["membrane"], XYLO) + current
            assert np.array_equal(current, currents[step]), (shift, step)
            assert np.array_equal(membrane, membranes[step]), (shift, step)


def test_every_small_state_as_xylo_writes_its_rule() -> None:
    """`v - max(v >> k, 1)` above 0; below, the shift goes down, so that it is never 0."""
    for shift in range(16):
        for v in range(-300, 301):
            lost = v >> shift
            if v > 0:
                lost = max(lost, 1)
            assert int(decayed(np.array([v]), np.array(shift), XYLO)[0]) == v - lost
