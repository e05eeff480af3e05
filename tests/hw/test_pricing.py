"""What a run takes by the cost rows of a target: counted by hand, with its source, and unknown where a row is."""

from __future__ import annotations

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run


def net(cell: ir.Primitive) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([4]),
        fc=ir.Affine(np.full((3, 4), 0.5), None),
        cell=cell,
        output=ir.Output([3]),
    )


LEAKY = ir.LIF(2.0, 2.0, 0.0, 1.0)
SPIKES = np.array([[[1, 0, 1, 0]], [[0, 0, 0, 1]]], np.float32)  # 2 steps, 3 ones, each to 3 neurons


def amounts(found: hw.Energy) -> dict[str, tuple[float, str]]:
    return {line.what: (line.count, line.row) for line in found.lines}


def test_floats_by_hand() -> None:
    graph = net(LEAKY)
    found = hw.energy(graph, run(graph, SPIKES).counts)
    assert amounts(found) == {
        "additions of synaptic operations": (9, "fp32_add"),
        "additions of neuron updates": (6, "fp32_add"),
        "multiplications of decays": (6, "fp32_mul"),
        "reads of weights, 32 bits each": (4.5, "sram_8kib_read_64bit"),
        "reads and writes of membranes, 32 bits each": (6, "sram_8kib_read_64bit"),
    }
    assert found.picojoules == pytest.approx(9 * 0.9 + 6 * 0.9 + 6 * 3.7 + 4.5 * 10 + 6 * 10)
    assert list(found.citations) == ["horowitz45"]
    assert "Horowitz" in found.citations["horowitz45"]


def test_integers_by_hand() -> None:
    graph = hw.quantize(net(LEAKY), calibration=SPIKES, bits=4)
    found = hw.energy(graph, run(graph, SPIKES, engine="integer").counts)
    assert amounts(found) == {
        "additions of synaptic operations": (9, "int32_add"),
        "additions of neuron updates": (6, "int32_add"),
        "multiplications of decays": (6, "int32_mul"),
        # The memory of generic-mesh has words of 8 bits.
        "reads of weights, 8 bits each": (9 / 8, "sram_8kib_read_64bit"),
        "reads and writes of membranes, 16 bits each": (3, "sram_8kib_read_64bit"),
    }
    assert found.picojoules == pytest.approx(9 * 0.1 + 6 * 0.1 + 6 * 3.1 + 9 / 8 * 10 + 3 * 10)


def test_numbers_that_are_no_spikes_are_multiplied() -> None:
    graph = hw.quantize(net(ir.IF(1.0)), calibration=SPIKES / 2)
    inputs = np.concatenate([SPIKES, SPIKES / 2])
    found = amounts(hw.energy(graph, run(graph, inputs, engine="integer").counts))
    count, row = found["multiplications by inputs that are not 0 or 1"]
    assert row == "int8_mul"
    # All four steps: what enters is an integer of 8 bits, whatever it stands for.
    assert count == found["additions of synaptic operations"][0] == 18
    assert "multiplications of decays" not in found


def test_per_sample() -> None:
    graph = net(LEAKY)
    counts = run(graph, np.repeat(SPIKES, 5, axis=1)).counts
    one = hw.energy(graph, run(graph, SPIKES).counts).picojoules
    assert hw.energy(graph, counts, samples=5).picojoules == pytest.approx(one)


def test_what_a_target_does_not_say_stays_unknown() -> None:
    graph = net(LEAKY)
    found = hw.energy(graph, run(graph, SPIKES).counts, "loihi1")
    assert found.picojoules is None
    assert found.unknown == ("fp32_add", "fp32_mul", "sram_8kib_read_64bit")
    assert hw.energy(graph, run(graph, SPIKES).counts, "zcu102").picojoules is None
