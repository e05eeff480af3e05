"""Warnings of quantised networks that may be silent, or have lost their weights."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from tests.hw.chips import chip

RNG = np.random.default_rng(31)
CLI = "from talon.cli.main import main; main()"
NUMBERS = RNG.random((10, 2, 40)).astype(np.float32)
SPIKES = (NUMBERS < 0.4).astype(np.float32)


def net(threshold: float = 1.0) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([40]),
        fc1=ir.Affine(np.abs(RNG.normal(0, 0.3, (12, 40)))),
        lif1=ir.LIF(4.0, 4.0, 0.0, threshold),
        fc2=ir.Affine(np.abs(RNG.normal(0, 0.3, (5, 12)))),
        lif2=ir.LIF(4.0, 4.0, 0.0, 1.0),
        out=ir.Output([5]),
    )


def told(graph: ir.Graph, x: np.ndarray, target: Any = "generic-mesh", **asked: Any) -> tuple[ir.Graph, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantised = hw.quantize(graph, target, calibration=x, **asked)
    assert all(warning.category is hw.QuantisingWarning for warning in caught)
    return quantised, [str(warning.message) for warning in caught]


def test_ordinary_networks_give_no_warning() -> None:
    for bits in (None, 8, 4, 2):
        assert told(net(), SPIKES, bits=bits)[1] == []


def test_weights_that_have_no_room_beside_wide_numbers_are_told() -> None:
    """Numbers of 15 bits leave nothing of a membrane of 16."""
    target = chip(payload__bits=15, accumulators__bits=16)
    quantised, said = told(net(), NUMBERS, target)
    left = 1 + int(np.abs(quantised.nodes["fc1"].quant["weight"].integers).max()).bit_length()
    assert left < 8
    (line,) = [text for text in said if "'fc1'" in text]
    assert "8 bits" in line
    assert ("all of them become 0" if left == 1 else f"the largest takes {left}") in line
    assert "input_bits" in line
    assert not any("'fc2'" in text for text in said)
    # What it says to do helps.
    assert not any("'fc1'" in text for text in told(net(), NUMBERS, target, input_bits=4)[1])


def test_every_bit_counts_that_was_asked_for() -> None:
    """The second layer is added to the first, which is so large that the second loses two bits."""
    first = ir.Affine(np.ones((5, 40), np.float32))
    second = RNG.uniform(0.2, 0.25, (5, 40))
    graph = ir.Graph(
        {"in": ir.Input([40]), "a": first, "b": ir.Affine(second), "n": ir.IF(3.0), "out": ir.Output([5])},
        [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n"), ("n", "out")],
    )
    assert told(graph, SPIKES)[1] == []
    (line,) = told(graph, SPIKES, bits=8)[1]
    assert "weights of 'b' were to have 8 bits, and the largest takes 6" in line
    (line,) = told(graph.replace("b", ir.Affine(second, weight_t="int8")), SPIKES)[1]
    assert "'b'" in line


@pytest.mark.parametrize("bits", [None, 8])
def test_weights_that_lost_nothing_are_not_told(bits: int | None) -> None:
    """Such as those of a layer that quantising puts before neurons: the largest takes 2 bits, and all are what they
    were."""
    weight = ir.Affine(RNG.choice([-0.25, 0.0, 0.25], (5, 40)))
    graph = ir.Graph(
        {"in": ir.Input([40]), "a": weight, "b": ir.Affine(RNG.normal(0, 4, (5, 40))), "n": ir.IF(3.0)},
        [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n")],
    )
    graph = graph.changed(nodes={**graph.nodes, "out": ir.Output([5])}, edges=[*graph.edges, ("n", "out")])
    quantised, said = told(graph, SPIKES, "generic-mesh", bits=bits)
    assert np.abs(quantised.nodes["a"].quant["weight"].integers).max() < 8
    assert np.array_equal(quantised.nodes["a"].weight, weight.weight)  # type: ignore[attr-defined]
    assert said == []


def test_weights_that_are_zero_anyway_are_not_told() -> None:
    graph = net().replace("fc2", ir.Affine(np.zeros((5, 12), np.float32)))
    assert not any("bits" in text for text in told(graph, SPIKES)[1])


@pytest.mark.parametrize(("threshold", "x"), [(1.0, SPIKES * 0), (1e3, SPIKES)])
def test_neurons_that_never_fire_are_named(threshold: float, x: np.ndarray) -> None:
    (line,) = [text for text in told(net(threshold), x)[1] if "fires" in text]
    assert "no neuron of 'lif1', 'lif2' fires" in line


def test_the_report_tells_of_neurons_that_fall_silent() -> None:
    graph = net()
    quantised = hw.quantize(graph, calibration=SPIKES)
    hw.quantization_report(graph, quantised, SPIKES)
    scale = quantised.nodes["fc1"].quant["weight"].scale
    deaf = quantised.replace("fc1", ir.Affine(ir.Quantized(np.zeros((12, 40), np.int8), scale, 8, "pow2")))
    assert not run(deaf, SPIKES, engine="integer", record="lif1.spikes").spikes["lif1"].any()
    with pytest.warns(hw.QuantisingWarning, match="'lif1', 'lif2' fire in floats and never in integers"):
        hw.quantization_report(graph, deaf, SPIKES)


def test_the_command_tells_it_on_stderr(tmp_path: Any) -> None:
    ir.write(tmp_path / "net.t1c", net())
    np.save(tmp_path / "x.npy", SPIKES * 0)
    asked = [sys.executable, "-c", CLI, "hw", "quantize", "net.t1c", "--calibration", "x.npy", "-o", "q.t1c"]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "no neuron of 'lif1', 'lif2' fires" in done.stderr
    assert "fires" not in done.stdout
