"""Sparse weights in integers, run: in numpy, in C, on cores and by commands, and nothing made that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from talon import hw, ir
from talon.cli.main import cli
from talon.engine import run
from talon.hw.integers import matrices
from talon.hw.integers.arithmetic import Register
from talon.hw.integers.pieces import Weights
from talon.hw.integers.planned import planned
from talon.hw.native import library
from talon.hw.native.sparse import NEAR
from talon.hw.quantising.scales import METHODS
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import split
from tests.hw.sparse_networks import RNG, circle, layer, recurrent, spikes, thinned, ways
from tests.hw.test_integer_oracle import agree as agrees_with_plain_integers
from tests.hw.test_native import same_result

C = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def test_nothing_is_made_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """40,000 x 40,000 elements would be 6.4 GB. Numbers of the Input get a layer of weights 1, as small."""
    size, makes = 40_000, np.zeros

    def small(shape: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        assert np.prod(shape, dtype=float) < 1e8, "a large array was made"
        return makes(shape, *args, **kwargs)

    monkeypatch.setattr(ir.CSR, "toarray", lambda self: pytest.fail("an array was made"))
    monkeypatch.setattr(np, "zeros", small)
    graph, drive = recurrent(size, circle(size)), RNG.uniform(0.3, 0.9, (1, size)).astype(np.float32)
    quantised = hw.quantize(graph, chip(weights__bits=12), calibration=drive, repeat=12)
    assert [type(node.weight) for node in quantised.nodes.values() if isinstance(node, ir.Affine)] == [ir.CSR] * 2
    ir.write(tmp_path / "q.t1c", quantised)
    assert (tmp_path / "q.t1c").stat().st_size < 3e6
    read = ir.read(tmp_path / "q.t1c")
    assert read.same_as(quantised)
    oracle = run(read, drive, repeat=12, engine="integer", engine_options={"kernels": "oracle"})
    same_result(run(read, drive, repeat=12, engine="integer"), oracle)
    floats = run(graph, drive, repeat=12)
    assert np.mean(floats.outputs["output"] != oracle.outputs["output"]) < 0.02
    assert oracle.outputs["output"].mean() > 0.05
    assert hw.quantization_report(graph, read, drive, repeat=12).layers[0].agreement > 0.98
    refused = hw.check(read, "generic-mesh")
    assert "T503" in {d.code for d in refused.errors}
    with pytest.raises(ir.TalonTargetError):
        hw.deploy(read)


@C
@pytest.mark.parametrize("outs", [NEAR, NEAR + 1])
def test_places_of_sixteen_bits_and_more(outs: int) -> None:
    weight = ir.CSR(np.arange(outs + 1), np.tile([1, 4], outs)[:outs], np.sin(np.arange(outs)).astype("f4"), (outs, 5))
    x = spikes(4, 2, 5)
    ways(hw.quantize(layer(weight), chip(), calibration=x), x)
    # Sums that go nowhere but out.
    ways(hw.quantize(layer(weight), chip(), calibration=x), x, record="fc.out")


@pytest.mark.parametrize("accumulate", ["exact", "sequential_saturate"])
def test_plain_integers_say_the_same(accumulate: str) -> None:
    """Also where more comes than the calibration had."""
    rng = np.random.default_rng(2)
    graph = recurrent(9, ir.CSR.from_dense(thinned(rng, 9, 9, share=0.7) * 2))
    graph = graph.replace("lif", ir.LIF(3.0, 2.0, 0.1, 0.3))
    x = rng.uniform(0, 0.8, (8, 2, 9)).astype(np.float32)
    target = chip(weights__bits=12, accumulators__bits=10, accumulate=accumulate)
    quantised = hw.quantize(graph, target, calibration=x * (rng.random(x.shape) < 0.1))
    assert isinstance(quantised.nodes["synapses"].weight, ir.CSR)  # type: ignore[union-attr]
    agrees_with_plain_integers(quantised, {"input": x})


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_every_addition_is_kept(overflow: str) -> None:
    """Sums leave their register on the way, and come back."""
    rng = np.random.default_rng(1)
    weight = ir.CSR.from_dense(np.where(rng.random((9, 40)) < 0.5, rng.integers(-90, 90, (9, 40)), 0))
    x, register = rng.integers(-3, 3, (2, 3, 40)), Register(8, overflow)
    total = np.zeros((2, 3, 9), np.int64)
    found = matrices.saturated(weight, x, total, register, weight.by_columns())
    assert np.array_equal(found, matrices.saturated(weight.toarray(), x, total, register, None))
    if overflow == "saturate":
        assert (found != np.clip(x @ weight.toarray().T, register.low, register.high)).any()
    assert not total.any()


@C
@pytest.mark.parametrize(("bits", "input_bits", "how"), [(8, None, "int16"), (12, None, "int32"), (16, 16, "")])
def test_sums_of_every_width(bits: int, input_bits: int | None, how: str) -> None:
    """Samples of two axes share the weights, and the bias has a step axis."""
    node = ir.Affine(ir.CSR.from_dense(np.abs(thinned(RNG, 70, 300, share=0.5))), RNG.normal(size=(3, 70)))
    graph = ir.Graph.chain(input=ir.Input([2, 300]), fc=node, lif=ir.LIF(3.0, 2.0, 0.0, 0.4), out=ir.Output(None))
    x = spikes(6, 9, 2, 300, rate=0.3)
    x = x if input_bits is None else x * RNG.normal(0, 3, x.shape).astype(np.float32)
    target = chip(weights__bits=bits, accumulators__bits=32, membranes__bits=24, payload__bits=16)
    quantised = hw.quantize(graph, target, calibration=x, method="max", input_bits=input_bits)
    assert ways(quantised, x, record="*").outputs["out"].any()
    used = run(quantised, x, engine="integer").engine.nodes["fc"]
    assert used == ("integers in numpy" if input_bits else f"native integer sparse affine, by events, int16 in {how}")


@C
@pytest.mark.parametrize(("inputs", "how"), [(257, "int16"), (259, "int32")])
def test_sums_that_just_fit_and_do_not(inputs: int, how: str) -> None:
    """Weights of 127, all of whose inputs spike: 16 bits hold 258 of them."""
    graph = layer(ir.CSR.from_dense(np.full((3, inputs), 127 / 128, np.float32)), v_threshold=inputs / 2)
    x = np.ones((4, 2, inputs), np.float32)
    quantised = hw.quantize(graph, chip(accumulators__bits=24, membranes__bits=24), calibration=x)
    assert ways(quantised, x, record="*").outputs["out"].any()
    assert run(quantised, x, engine="integer").engine.nodes["fc"].endswith(f"int16 in {how}")


def test_the_bound_is_that_of_what_is_there() -> None:
    weight = thinned(RNG, 6, 40)
    x = spikes(5, 1, 40)
    pieces = [
        next(p for p in planned(hw.quantize(layer(w), calibration=x)).plan.pieces if isinstance(p, Weights))  # type: ignore[union-attr]
        for w in (weight, ir.CSR.from_dense(weight))
    ]
    assert pieces[0].bound == pieces[1].bound > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", ["pow2", "float"])
def test_cores_give_what_the_engine_gives(method: str, scale: str) -> None:
    """Outputs, membranes and counts, whole and cut into tiles."""
    graph = recurrent(12, ir.CSR.from_dense(thinned(RNG, 12, 12)))
    graph = graph.replace("lif", ir.LIF(3.0, 2.0, 0.1, 0.6))
    x = RNG.uniform(0, 0.8, (6, 2, 12)).astype(np.float32)
    done = split(graph, x, changes={"weights__scale": scale, "weights__bits": 12}, method=method)
    for build, found in done:
        assert [s.sparse for layer in build.chip.layers for s in layer.sources] == [True, True]
        total = build.run(x).counts.total()
        assert 0 < total["synops"] < total["macs"] < 2 * x[..., 0].size * 144
        assert found.outputs["output"].any()


def test_commands(tmp_path: Path) -> None:
    """Quantised, compared with the floats, run and deployed by the commands."""
    rng = np.random.default_rng(3)
    graph = layer(ir.CSR.from_dense(thinned(rng, 6, 9)))
    x = (rng.random((8, 2, 9)) < 0.4).astype(np.float32)
    ir.write(tmp_path / "net.t1c", graph)
    np.save(tmp_path / "x.npy", x)
    net, small, given_, build = (str(tmp_path / name) for name in ("net.t1c", "small.t1c", "x.npy", "net.talonhw"))
    for wanted, words in (
        (0, ["hw", "quantize", net, "--calibration", given_, "--bits", "2", "-o", small]),
        (0, ["show", small, "fc"]),
        (0, ["run", small, "--input", given_]),
        (1, ["compare", net, small, "--on", given_]),
        (0, ["hw", "deploy", small, "--target", "generic-mesh", "--calibration", given_, "-o", build]),
        (0, ["hw", "run", build, "--input", given_]),
        (0, ["hw", "report", build, "--graph", net, "--quantised", small, "-o", str(tmp_path / "report.html")]),
    ):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == wanted, (words, result.output)
    assert isinstance(ir.read(small).nodes["fc"].weight, ir.CSR)  # type: ignore[union-attr]
