"""Sparse weights in integers: the same integers as those of the array with zeros, and none where nothing is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import Result, run
from talon.hw.native import library
from talon.hw.quantising.rows import Sparse, Whole
from tests.hw.chips import chip
from tests.hw.integer_networks import networks
from tests.hw.records import record_of
from tests.hw.sparse_networks import RNG, circle, layer, spikes, thinned, ways
from tests.hw.test_native import SETS, same_result

C = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


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


def two_units(size: int, weight: ir.CSR) -> ir.Graph:
    """A sparse layer that reads the sums of another one, whose channels have units of their own."""
    diagonal = np.geomspace(0.01, 9, size, dtype=np.float32)
    first = ir.Affine(ir.CSR(np.arange(size + 1), np.arange(size), diagonal, (size, size)))
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
    assert np.array_equal(ways(quantised, x, SETS[-1:]).outputs["out"], run(graph, x).outputs["out"])


def test_a_batch_norm_without_a_layer_before_it_becomes_a_sparse_one() -> None:
    norm = ir.BatchNorm1d(9000, RNG.uniform(0.4, 1.6, 9000), None, np.zeros(9000), np.ones(9000))
    graph = ir.Graph.chain(input=ir.Input([9000]), norm=norm, cell=ir.IF(1.0), out=ir.Output(None))
    legal = hw.legalise(graph, "generic-mesh").graph
    weight = legal.nodes["norm"].weight  # type: ignore[union-attr]
    assert (weight.nnz, weight.shape) == (9000, (9000, 9000))
    x = spikes(4, 2, 9000)
    assert np.array_equal(run(legal, x).outputs["out"], run(graph, x).outputs["out"])
    ways(hw.quantize(graph, calibration=x), x, SETS[-1:])
