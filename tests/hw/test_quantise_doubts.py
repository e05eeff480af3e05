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
    graph = ir.Graph(
        {"in": ir.Input([40]), "a": first, "b": ir.Affine(first.weight / 4), "n": ir.IF(3.0), "out": ir.Output([5])},
        [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n"), ("n", "out")],
    )
    assert told(graph, SPIKES)[1] == []
    (line,) = told(graph, SPIKES, bits=8)[1]
    assert "weights of 'b' were to have 8 bits, and the largest takes 6" in line
    (line,) = told(graph.replace("b", ir.Affine(first.weight / 4, weight_t="int8")), SPIKES)[1]
    assert "'b'" in line


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


def test_bits_of_an_input_of_spikes_are_told() -> None:
    graph = ir.Graph.chain(input=ir.Input([6]), fc=ir.Affine(np.eye(6)), cell=ir.IF(0.5), out=ir.Output([6]))
    x = np.ones((4, 1, 6), np.float32)
    with pytest.warns(hw.QuantisingWarning, match="input_bits=3 has no effect on Input 'input'"):
        hw.quantize(graph, calibration=x, input_bits=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hw.quantize(graph, calibration=x)
        hw.quantize(graph, calibration=x * 0.5, input_bits=3)
