"""Sparse weights in integers: the same integers as those of the array with zeros, and none where nothing is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.cli.main import cli
from talon.engine import Result, run
from talon.hw.integers.pieces import Weights
from talon.hw.integers.planned import planned
from talon.hw.native import library
from talon.hw.quantising.rows import Sparse, Whole
from talon.hw.quantising.scales import METHODS
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import split
from tests.hw.integer_networks import networks
from tests.hw.records import record_of
from tests.hw.test_integer_oracle import agree as agrees_with_plain_integers
from tests.hw.test_native import SETS, WAYS, same_result

RNG = np.random.default_rng(12)
C = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


@pytest.fixture(autouse=True)
def widest() -> Iterator[None]:
    yield
    if SETS:
        library.library().isa(SETS[-1])


def thinned(rng: np.random.Generator, *shape: int, share: float = 0.3) -> np.ndarray:
    return np.where(rng.random(shape) < share, rng.standard_normal(shape), 0).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def sparsely(graph: ir.Graph) -> ir.Graph:
    """The same with sparse matrices, which keep every third of their zeros, or all of them."""
    for name, node in graph.nodes.items():
        if isinstance(node, ir.Affine) and isinstance(node.weight, np.ndarray) and node.weight.ndim == 2:
            there = (node.weight != 0) | (np.arange(node.weight.size).reshape(node.weight.shape) % 3 == 0)
            rows, columns = np.nonzero(there)
            indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
            matrix = ir.CSR(indptr, columns, node.weight[rows, columns], there.shape)
            graph = graph.replace(name, node.changed(weight=matrix))
    return graph


def densely(value: Any) -> np.ndarray:
    return np.asarray(value.toarray() if isinstance(value, ir.CSR) else value)


def alike(sparse: ir.Graph, dense: ir.Graph) -> None:
    """Equal in everything that was made of numbers, to the bit."""
    assert list(sparse.nodes) == list(dense.nodes)
    assert sparse.edges == dense.edges
    for name, other in dense.nodes.items():
        node = sparse.nodes[name]
        assert node.quant.keys() == other.quant.keys()
        for key, expected in other.quant.items():
            found = node.quant[key]
            assert (found.bits, found.rule) == (expected.bits, expected.rule)
            assert found.scale.tobytes() == expected.scale.tobytes(), (name, key)
            assert np.array_equal(densely(found.integers), densely(expected.integers)), (name, key)
            assert found.integers.dtype == expected.integers.dtype
        for key in {"tau", "r", "v_leak"} & node.fields.keys():
            assert np.array_equal(getattr(node, key), getattr(other, key))
    found, expected = record_of(sparse), record_of(dense)
    assert found["units"].keys() == expected["units"].keys()
    for name, unit in found.pop("units").items():
        assert unit.tobytes() == expected["units"][name].tobytes()
    del expected["units"], found["origin"]["ledger"], expected["origin"]["ledger"]
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def same_values(found: Result, expected: Result) -> None:
    """All but the counts of products."""
    same_result(found, Result(expected.outputs, expected.state, found.counts, expected.records, expected.engine))


def ways(graph: ir.Graph, x: np.ndarray, sets: list[str] = SETS, **options: Any) -> Result:
    """Every way of the library against the oracle, whose result it returns."""
    expected = run(graph, x, engine="integer", engine_options={"kernels": "oracle"}, **options)
    for isa, way in itertools.product(sets, WAYS if sets else ()):
        library.library().isa(isa)
        same_result(run(graph, x, engine="integer", **way, **options), expected)
    return expected


@given(drawn=networks(), share=st.sampled_from([0.0, 0.2, 0.6]), isa=st.sampled_from(SETS or ["none"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_network_has_the_integers_of_the_array_with_zeros(drawn: Any, share: float, isa: str) -> None:
    graph, x, target, asked = drawn
    rng = np.random.default_rng(len(graph.nodes))
    for name, node in graph.nodes.items():
        if isinstance(node, ir.Affine):
            weight = np.where(rng.random(node.weight.shape) < share, 0, node.weight).astype(np.float32)
            graph = graph.replace(name, node.changed(weight=weight))
    dense = hw.quantize(graph, target, calibration=x, **asked)
    sparse = hw.quantize(sparsely(graph), target, calibration=x, **asked)
    assert all(isinstance(n.weight, ir.CSR) for n in sparse.nodes.values() if isinstance(n, ir.Affine))
    alike(sparse, dense)
    x = np.concatenate([x, 1 - x, x[:, ::-1]], axis=1)
    found = ways(sparse, x, [isa] if SETS else [], record="*")
    same_values(found, run(dense, x, engine="integer", engine_options={"kernels": "oracle"}, record="*"))
    assert all("CSR" not in line["after"] or line["field"] == "weight" for line in hw.quantization_ledger(sparse))


@given(
    seed=st.integers(0, 10**6),
    outs=st.integers(1, 9),
    ins=st.integers(1, 60),
    share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    coarse=st.booleans(),
    percentile=st.sampled_from([0.001, 1.0, 50.0, 99.9, 100.0]) | st.floats(0, 100, exclude_min=True),
    most=st.sampled_from([1, 7, 127]),
)
@settings(max_examples=300, deadline=None)
def test_rows_say_the_same_without_their_zeros(
    seed: int, outs: int, ins: int, share: float, coarse: bool, percentile: float, most: int
) -> None:
    rng = np.random.default_rng(seed)
    values = thinned(rng, outs, ins, share=share)
    if coarse:  # many equal ones
        values = np.rint(values * 2).astype(np.float32)
    units = rng.uniform(0.1, 2, ins)
    matrix = ir.CSR.from_dense(values)
    whole, sparse = Whole(values * units), Sparse(matrix, matrix.data.astype(np.float64) * units[matrix.indices])
    for name, given_ in (("largest", ()), ("percentile", (percentile,)), ("error", (rng.uniform(0.01, 1, outs), most))):
        found, expected = getattr(sparse, name)(*given_), getattr(whole, name)(*given_)
        assert (found.dtype, found.shape) == (expected.dtype, (outs,))
        assert (np.abs(found) + 0.0).tobytes() == (np.abs(expected) + 0.0).tobytes(), name


def layer(weight: Any, **cell: Any) -> ir.Graph:
    cell = {"v_threshold": 0.5} | cell
    shape = [weight.shape[1]]
    return ir.Graph.chain(input=ir.Input(shape), fc=ir.Affine(weight), cell=ir.IF(**cell), out=ir.Output(None))


def test_elements_that_become_0_are_left_out() -> None:
    """Of what is left products are counted, by the engine and by the cores."""
    weight = ir.CSR([0, 3, 3, 5], [0, 1, 3, 1, 2], np.array([1, 1e-4, 0, -0.5, 1], np.float32), (3, 4))
    graph, x = layer(weight), np.ones((3, 2, 4), np.float32)
    quantised = hw.quantize(graph, calibration=x)
    integers = quantised.nodes["fc"].quant["weight"].integers  # type: ignore[union-attr]
    assert (integers.indptr.tolist(), integers.indices.tolist()) == ([0, 1, 1, 3], [0, 1, 2])
    (line,) = [line for line in hw.quantization_ledger(quantised) if (line["node"], line["field"]) == ("fc", "weight")]
    assert line["before"] == "CSR(float32[3, 4], 5 elements) -0.5 to 1"
    assert line["why"] == "weights are rounded, 2 become 0 and are left out"
    for counts in (run(quantised, x, engine="integer").counts, hw.deploy(quantised).run(x).counts):
        assert (counts["fc"]["macs"] == 3).all()
        assert (counts["fc"]["synops"] == 3).all()


def test_a_matrix_without_elements() -> None:
    shape = (3, 4)
    weight, x = ir.CSR([0, 0, 0, 0], [], np.zeros(0, np.float32), shape), np.ones((3, 1, 4), np.float32)
    with pytest.warns(hw.QuantisingWarning, match="fires"):
        quantised = hw.quantize(layer(weight), calibration=x)
    assert not ways(quantised, x).outputs["out"].any()


def recurrent(size: int, matrix: ir.CSR, read: Any = None) -> ir.Graph:
    """Neurons with numbers of an Input that hear each other a step later."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([size]),
        "synapses": ir.SpikingAffine(matrix, accumulator_bits=24),
        "lif": ir.LIF(2.0, 2.0, 0.0, 1.0),
        "output": ir.Output([size]),
    }
    edges = [("input", "lif"), ("lif", "synapses"), ("synapses", "lif"), ("lif", "output")]
    return ir.Graph(nodes, edges, allow_cycles=True)


def circle(size: int) -> ir.CSR:
    """Every neuron is joined to the next two."""
    rows = np.repeat(np.arange(size), 2)
    columns = np.sort(np.stack([(np.arange(size) - 1) % size, (np.arange(size) - 2) % size], axis=1), axis=1).ravel()
    return ir.CSR(np.arange(size + 1) * 2, columns, np.where(rows % 3, 0.4, -0.3).astype(np.float32), (size, size))


def test_nothing_is_made_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """40,000 x 40,000 elements would be 6.4 GB. The numbers of the Input get a layer of weights 1, which is no larger."""
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


def test_plain_integers_say_the_same() -> None:
    graph = recurrent(9, ir.CSR.from_dense(thinned(RNG, 9, 9)))
    x = RNG.uniform(0, 0.8, (8, 2, 9)).astype(np.float32)
    for accumulate in ("exact", "sequential_saturate"):
        target = chip(weights__bits=10, accumulators__bits=11, accumulate=accumulate)
        quantised = hw.quantize(graph.replace("lif", ir.LIF(3.0, 2.0, 0.1, 0.6)), target, calibration=x)
        assert isinstance(quantised.nodes["synapses"].weight, ir.CSR)  # type: ignore[union-attr]
        agrees_with_plain_integers(quantised, {"input": x})


@C
@pytest.mark.parametrize(("bits", "input_bits", "how"), [(8, None, "float32 in float32"), (16, 16, "integers in numpy")])
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
    assert used == ("integers in numpy" if input_bits else f"native integer sparse affine, by events, {how}")


def test_the_bound_is_that_of_what_is_there() -> None:
    weight = thinned(RNG, 6, 40)
    x = spikes(5, 1, 40)
    pieces = [
        next(p for p in planned(hw.quantize(layer(w), calibration=x)).plan.pieces if isinstance(p, Weights))  # type: ignore[union-attr]
        for w in (weight, ir.CSR.from_dense(weight))
    ]
    assert pieces[0].bound == pieces[1].bound > 0


def two_units(size: int, weight: ir.CSR) -> ir.Graph:
    """A sparse layer that reads the sums of another one, whose channels have units of their own."""
    first = ir.Affine(ir.CSR(np.arange(size + 1), np.arange(size), np.geomspace(0.01, 9, size, dtype="f4"), (size,) * 2))
    nodes = {"input": ir.Input([size]), "a": first, "b": ir.Affine(weight), "cell": ir.IF(1.0), "out": ir.Output(None)}
    return ir.Graph.chain(**nodes)


def test_inputs_of_several_units() -> None:
    weight, x = thinned(RNG, 5, 7), spikes(9, 2, 7)
    sparse = hw.quantize(two_units(7, ir.CSR.from_dense(weight)), chip(weights__bits=12), calibration=x)
    dense = two_units(7, ir.CSR.from_dense(weight))
    dense = dense.replace("b", ir.Affine(weight))
    alike(sparse, hw.quantize(dense, chip(weights__bits=12), calibration=x))
    assert sparse.nodes["b"].quant["weight"].scale.shape == (5, 7)  # type: ignore[union-attr]
    ways(sparse, x, record="*")


def test_too_many_scales_are_refused() -> None:
    """One for each element, zeros counted, is what several units ask for."""
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(two_units(9000, circle(9000)), calibration=np.ones((1, 1, 9000), np.float32))
    said = caught.value.diagnostic
    assert isinstance(said, hw.Finding)
    assert (said.code, said.node, said.have, said.need) == ("T506", "b", 1 << 26, 81_000_000)


def test_neurons_that_nothing_could_take_a_gain_of_get_a_sparse_layer() -> None:
    """9,000 gains would be 81,000,000 weights."""
    graph = ir.Graph.chain(input=ir.Input([9000]), cell=ir.IF(1.0, r=2.0), out=ir.Output(None))
    x = spikes(3, 1, 9000)
    quantised = hw.quantize(graph, calibration=x)
    assert quantised.nodes["cell_gain"].weight == ir.CSR.from_dense(np.eye(9000, dtype=np.float32) * 2)  # type: ignore[union-attr]
    assert np.array_equal(ways(quantised, x).outputs["out"], run(graph, x).outputs["out"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", ["pow2", "float"])
def test_cores_give_what_the_engine_gives(method: str, scale: str) -> None:
    """Outputs, membranes and counts, whole and cut into tiles by outputs and by inputs."""
    graph = recurrent(12, ir.CSR.from_dense(thinned(RNG, 12, 12)))
    graph = graph.replace("lif", ir.LIF(3.0, 2.0, 0.1, 0.6))
    x = RNG.uniform(0, 0.8, (6, 2, 12)).astype(np.float32)
    done = split(graph, x, changes={"weights__scale": scale}, method=method)
    for build, found in done:
        assert [s.sparse for layer in build.chip.layers for s in layer.sources] == [True, True]
        total = build.run(x).counts.total()
        assert 0 < total["synops"] < total["macs"] < 2 * x[..., 0].size * 144
        assert found.outputs["output"].any()


def test_commands(tmp_path: Path) -> None:
    """Quantised, compared with the floats, run and deployed by the commands."""
    graph = layer(ir.CSR.from_dense(thinned(RNG, 6, 9)))
    x = spikes(8, 2, 9)
    ir.write(tmp_path / "net.t1c", graph)
    np.save(tmp_path / "x.npy", x)
    net, small, given_, build = (str(tmp_path / name) for name in ("net.t1c", "net6.t1c", "x.npy", "net.talonhw"))
    for wanted, words in (
        (0, ["hw", "quantize", net, "--calibration", given_, "--bits", "6", "-o", small]),
        (0, ["show", small, "fc"]),
        (0, ["run", small, "--input", given_]),
        (0, ["compare", small, small, "--engine", "integer,reference", "--on", given_, "--what", "outputs"]),
        (0, ["hw", "deploy", small, "--target", "generic-mesh", "--calibration", given_, "-o", build]),
        (0, ["hw", "run", build, "--input", given_]),
        (0, ["hw", "report", build, "--graph", net, "--quantised", small, "-o", str(tmp_path / "report.html")]),
    ):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == wanted, (words, result.output)
    assert isinstance(ir.read(small).nodes["fc"].weight, ir.CSR)  # type: ignore[union-attr]
