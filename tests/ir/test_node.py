"""Nodes: immutable, arrays read-only views, lazy arrays, copies, comparison."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from talon import ir


class Loads:
    """An array reference that counts how often it is loaded."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.count = array, 0
        self.ref = ir.ArrayRef(array.dtype, array.shape, self.load)

    def load(self) -> np.ndarray:
        self.count += 1
        return self.array


def test_nothing_can_be_set_or_deleted() -> None:
    lif = ir.LIF(2, 1, 0, 1)
    for name in ("tau", "anything", "metadata"):
        with pytest.raises(ir.TalonFrozenError, match=name):
            setattr(lif, name, 1)
    with pytest.raises(AttributeError):
        del lif.tau
    with pytest.raises(TypeError):
        lif.metadata["x"] = 1  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        lif.tau[...] = 3


def test_arrays_are_views_and_the_caller_keeps_writing() -> None:
    weight = np.ones((2, 3), np.float32)
    node = ir.Affine(weight)
    assert np.shares_memory(node.weight, weight)
    assert not node.weight.flags.writeable
    assert weight.flags.writeable
    before = ir.Graph({"n": node}, []).fingerprint()
    weight[0, 0] = 5
    assert node.weight[0, 0] == 5
    assert ir.Graph({"n": node}, []).fingerprint() != before


def test_metadata_is_a_copy() -> None:
    notes = {"a": [1, 2], "b": {"c": np.arange(3)}}
    node = ir.ReLU(3, metadata=notes)
    notes["a"].append(3)  # type: ignore[attr-defined]
    notes["b"]["c"][0] = 9  # type: ignore[call-overload]
    assert node.metadata["a"] == [1, 2]
    assert node.metadata["b"]["c"].tolist() == [0, 1, 2]
    assert not node.metadata["b"]["c"].flags.writeable


def test_a_lazy_array_loads_once_and_only_when_read() -> None:
    loads = Loads(np.ones((3, 4), np.float32))
    node = ir.Affine(loads.ref)
    graph = ir.Graph.chain(input=ir.Input([4]), node=node, output=ir.Output([3]))
    assert graph.shapes["node:out"] == (3,)
    repr(node)
    repr(graph)
    node.dims, node.shape_of("weight"), node.changed(bias=np.ones(3))
    from talon.ir.document import to_document

    document = to_document(graph, lambda cls: ("", ""), "")
    graph.flatten(), graph.with_delays(), graph.rename({"node": "x"})
    assert loads.count == 0
    assert node.weight.tolist() == np.ones((3, 4)).tolist()
    assert node.weight is node.weight
    assert loads.count == 1
    assert document.nodes[2].arrays["weight"].load().shape == (3, 4)


def test_a_lazy_composite_infers_without_loading() -> None:
    depth, point = Loads(np.ones((3, 1, 3, 3))), Loads(np.ones((5, 3, 1, 1)))
    node = ir.SepConv2d(depth.ref, point.ref)
    assert node.infer((3, 6, 6)) == (5, 4, 4)
    ir.Graph.chain(node).flatten()
    assert depth.count == point.count == 0


def test_a_reference_that_gives_another_array_is_refused() -> None:
    node = ir.Affine(ir.ArrayRef(np.float32, (3, 4), lambda: np.ones((4, 3), np.float32)))
    with pytest.raises(ir.TalonError) as caught:
        node.weight  # noqa: B018
    assert caught.value.code == "T305"
    assert "(3, 4)" in str(caught.value)
    assert "(4, 3)" in str(caught.value)


def test_lazy_nodes_pickle_and_copy_by_value() -> None:
    loads = Loads(np.arange(12.0).reshape(3, 4))
    node = ir.Affine(loads.ref)
    for twin in (pickle.loads(pickle.dumps(node)), copy.deepcopy(node)):
        assert twin.same_as(node)
        assert not twin.weight.flags.writeable
        assert not np.shares_memory(twin.weight, loads.array)


def test_equality_is_identity_and_same_as_compares_to_the_bit() -> None:
    a, b = ir.LIF(2, 1, 0.0, 1), ir.LIF(2, 1, 0.0, 1)
    assert a != b
    assert a.same_as(b)
    assert not a.same_as(ir.LIF(2, 1, -0.0, 1))
    assert not a.same_as(ir.LIF(2, 1, np.float32(0), 1))
    assert not a.same_as(a.changed(v_reset=0.5))
    assert not ir.Conv2d(np.ones((1, 1, 1, 1))).same_as(ir.SConv(np.ones((1, 1, 1, 1))))
    assert ir.ReLU(1, metadata={"x": float("nan")}).same_as(ir.ReLU(1, metadata={"x": float("nan")}))
    assert not ir.ReLU(1, metadata={"x": 1}).same_as(ir.ReLU(1, metadata={"x": True}))
    assert not ir.ReLU(1, metadata={"x": [1]}).same_as(ir.ReLU(1, metadata={"x": (1,)}))


def test_hints_are_gathered_and_change_nothing_else() -> None:
    node = ir.ReLU(3, precision="ap_fixed<8,4>", reuse_factor=2, core_id=0, hardware_hints={"pin": 1})
    assert node.hints == {"precision": "ap_fixed<8,4>", "reuse_factor": 2, "core_id": 0, "hardware_hints": {"pin": 1}}
    assert ir.ReLU(3).hints == {}


def test_declared_types_are_given_back_and_implied_ones_are_not_stored() -> None:
    declared = ir.ReLU(3, input_type=[3], output_type={"output": [3]})
    assert declared.input_type["input"].tolist() == [3]
    assert ir.ReLU(3).input_type is None
    assert ir.Input([3]).output_type["output"].tolist() == [3]
    assert "output_type" not in ir.Input([3]).given()


def test_large_arrays_wait_for_check() -> None:
    variance = np.ones(5000)
    variance[4999] = -1
    ok = np.ones(5000)
    node = ir.BatchNorm1d(5000, ok, ok, ok, variance)
    graph = ir.Graph.chain(ir.Input([5000]), node, ir.Output([5000]))
    (error,) = graph.check().errors
    assert (error.code, error.node) == ("T202", "batchnorm1d")
    assert "[4999]" in str(error)


def test_reprs_are_short() -> None:
    wide = ir.Affine(np.ones((1000, 1000), np.float32))
    assert repr(wide) == "Affine(weight=float32[1000, 1000])"
    graph = ir.Graph({f"n{i}": wide for i in range(1000)}, [])
    assert len(repr(graph).splitlines()) < 20
    assert "1000 nodes" in repr(graph)
    assert len(repr(ir.ReLU(3, metadata={"x": list(range(10_000))}))) < 200
