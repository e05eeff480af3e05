"""Sparse matrices by rows, and the fields that take them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import run
from talon.ir.arrays import ArrayRef
from talon.ir.grouped import GroupRef

DENSE = np.array([[0, 2, 0, -3], [0, 0, 0, 0], [5, 0, 7, 0]], np.float32)
PARTS: dict[str, Any] = {
    "indptr": np.array([0, 2, 2, 4]),
    "indices": np.array([1, 3, 0, 2]),
    "data": np.array([2, -3, 5, 7], np.float32),
    "shape": (3, 4),
}


class Stranger:
    """What another library's sparse matrix looks like from outside."""

    format = "csr"

    def __init__(self, indptr: Any, indices: Any, data: Any, shape: Any) -> None:
        self.indptr, self.indices, self.data, self.shape = indptr, indices, data, shape


def sparse(share: float = 0.4, shape: tuple[int, int] = (6, 5), seed: int = 0) -> ir.CSR:
    rng = np.random.default_rng(seed)
    return ir.CSR.from_dense(np.where(rng.random(shape) < share, rng.standard_normal(shape), 0).astype(np.float32))


def test_a_matrix_says_what_it_is() -> None:
    matrix = ir.CSR(**PARTS)
    assert matrix.toarray().tolist() == DENSE.tolist()
    assert (matrix.nnz, matrix.shape, matrix.dtype) == (4, (3, 4), np.float32)
    assert repr(matrix) == "CSR(float32[3, 4], 4 elements)"
    assert ir.CSR.from_dense(DENSE) == matrix
    ends, rows, values = matrix.by_columns()
    assert (ends.tolist(), rows.tolist(), values.tolist()) == ([0, 1, 2, 3, 4], [2, 0, 2, 0], [5, 2, 7, -3])


def test_it_is_immutable_and_no_copy() -> None:
    data = PARTS["data"].copy()
    matrix = ir.CSR(PARTS["indptr"], PARTS["indices"].astype(np.int32), data, (3, 4))
    assert np.shares_memory(matrix.data, data)
    for array in (matrix.indptr, matrix.indices, matrix.data):
        assert not array.flags.writeable
    with pytest.raises(ir.TalonFrozenError):
        matrix.data = data  # type: ignore[misc]
    with pytest.raises(ir.TalonFrozenError):
        del matrix.data
    for twin in (copy.deepcopy(matrix), pickle.loads(pickle.dumps(matrix)), matrix.copy()):
        assert twin == matrix
        assert not np.shares_memory(twin.data, data)
        assert not twin.data.flags.writeable


def test_equality_is_to_the_bit() -> None:
    matrix = ir.CSR(**PARTS)
    for change in (
        {"data": PARTS["data"].astype(np.float64)},
        {"data": np.array([2, -3, 5, 8], np.float32)},
        {"indices": np.array([1, 2, 0, 2])},
        {"indptr": np.array([0, 2, 3, 4])},
        {"shape": (3, 5)},
    ):
        assert ir.CSR(**PARTS | change) != matrix
    plus, minus = (ir.CSR([0, 1], [0], [zero], (1, 1)) for zero in (0.0, -0.0))
    assert plus != minus
    assert matrix != DENSE.tolist()
    with pytest.raises(TypeError):
        hash(matrix)


def test_whoever_makes_it_the_arrays_are_of_the_same_types() -> None:
    for kind in (np.int8, np.uint64, np.int32, np.int64):
        matrix = ir.CSR(PARTS["indptr"].astype(kind), PARTS["indices"].astype(kind), PARTS["data"], (3, 4))
        assert matrix == ir.CSR(**PARTS)
        assert (matrix.indptr.dtype, matrix.indices.dtype) == (np.int64, np.int32)
    assert ir.CSR([0, 1], [1 << 33], [1.0], (1, 1 << 34)).indices.dtype == np.int64
    assert ir.CSR([0, 2], [0, 1], [1, 2], (1, 2)).dtype == np.float64  # as everywhere: plain whole numbers are floats
    assert ir.CSR([0, 0], [], [], (1, 2)).nnz == 0
    assert ir.CSR([0, 0], [], np.zeros(0, bool), (1, 2)).dtype == bool


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"indptr": [0, 2, 4]}, "found 3"),
        ({"indptr": [1, 2, 2, 4]}, "1 and 4"),
        ({"indptr": [0, 2, 2, 3]}, "0 and 3"),
        ({"indptr": [0, 3, 2, 4]}, "3, then 2"),
        ({"indptr": [0, -1, 2, 4]}, "0, then -1"),
        ({"indptr": [0.0, 2, 2, 4]}, "float64"),
        ({"indptr": [[0, 2, 2, 4]]}, "(1, 4)"),
        ({"indices": [1, 4, 0, 2]}, "found 4"),
        ({"indices": [-1, 3, 0, 2]}, "found -1"),
        ({"indices": [3, 1, 0, 2]}, "1 after 3 in row 0"),
        ({"indices": [1, 3, 2, 2]}, "2 after 2 in row 2"),
        ({"indices": [1, 3, 0]}, "4 in data"),
        ({"indices": np.array([1, 3, 0, 1 << 63], np.uint64)}, str(1 << 63)),
        ({"data": [[2, -3, 5, 7]]}, "(1, 4)"),
        ({"shape": (3,)}, "(3,)"),
        ({"shape": (0, 4)}, "(0, 4)"),
        ({"shape": (3, 1 << 41)}, str(1 << 41)),
        ({"shape": 12}, "12"),
        ({"shape": (3.0, 4)}, "(3.0, 4)"),
    ],
)
def test_what_is_no_matrix(change: dict[str, Any], found: str) -> None:
    with pytest.raises(ir.TalonValueError, match="no sparse matrix") as caught:
        ir.CSR(**PARTS | change)
    assert caught.value.code == "T201"
    assert found in str(caught.value)


def test_what_no_field_can_hold() -> None:
    with pytest.raises(ir.TalonTypeError, match="complex"):
        ir.CSR(**PARTS | {"data": PARTS["data"].astype(complex)})
    with pytest.raises(ir.TalonValueError, match="two axes"):
        ir.CSR.from_dense(np.ones((2, 2, 2)))
    with pytest.raises(ir.TalonTypeError, match="toarray"):
        np.asarray(ir.CSR(**PARTS))


def test_a_stranger_is_taken_and_its_rows_are_sorted() -> None:
    assert ir.Affine(Stranger(**PARTS)).weight == ir.CSR(**PARTS)
    unsorted = Stranger([0, 2, 2, 4], [3, 1, 2, 0], np.array([-3, 2, 7, 5], np.float32), (3, 4))
    assert ir.CSR.of(unsorted) == ir.CSR(**PARTS)
    with pytest.raises(ir.TalonValueError, match="sum_duplicates"):
        ir.Affine(Stranger([0, 2, 2, 4], [3, 3, 2, 0], np.ones(4), (3, 4)))
    with pytest.raises(ir.TalonValueError, match="indptr"):
        ir.Affine(Stranger([0, 9, 2, 4], [3, 3, 2, 0], np.ones(4), (3, 4)))
    other = Stranger(**PARTS)
    other.format = "csc"
    with pytest.raises(ir.TalonTypeError, match="tocsr"):
        ir.Affine(other)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 9), st.integers(1, 9))
def test_dense_and_sparse_hold_the_same(seed: int, share: float, rows: int, columns: int) -> None:
    matrix = sparse(share, (rows, columns), seed)
    assert ir.CSR.from_dense(matrix.toarray()) == matrix
    assert matrix.nnz == np.count_nonzero(matrix.toarray())
    ends, places, values = matrix.by_columns()
    again = np.zeros((columns, rows), np.float32)
    for column in range(columns):
        own = slice(ends[column], ends[column + 1])
        assert (np.diff(places[own]) > 0).all()
        again[column, places[own]] = values[own]
    assert (matrix.toarray() == again.T).all()


# Fields


def test_only_fields_that_say_so_take_them() -> None:
    with pytest.raises(ir.TalonTypeError, match="bias"):
        ir.Affine(DENSE, ir.CSR([0, 1], [0], [1.0], (1, 3)))  # type: ignore[arg-type]
    with pytest.raises(ir.TalonTypeError, match="array"):
        ir.Conv1d(ir.CSR(**PARTS))  # type: ignore[arg-type]


def test_shapes_are_unified_as_of_an_array() -> None:
    node = ir.SpikingAffine(ir.CSR(**PARTS), np.zeros(3), weight_bits=4)
    assert (node.dims["out"], node.dims["in"], node.infer((4,))) == (3, 4, (3,))
    assert node.parameter_count() == 7
    assert repr(node) == "SpikingAffine(weight=CSR(float32[3, 4], 4 elements), bias=float64[3], weight_bits=4)"
    with pytest.raises(ir.TalonValueError, match=r"bias does not fit weight"):
        ir.Affine(ir.CSR(**PARTS), np.zeros(4))
    with pytest.raises(ir.TalonShapeError):
        node.infer((3,))


def test_nodes_compare_copy_and_pickle() -> None:
    node = ir.Affine(ir.CSR(**PARTS))
    for twin in (node.changed(), copy.deepcopy(node), pickle.loads(pickle.dumps(node))):
        assert twin.same_as(node)
    assert not node.same_as(ir.Affine(DENSE))
    assert not ir.Affine(DENSE).same_as(node)
    assert not node.same_as(ir.Affine(sparse(shape=(3, 4))))
    assert not np.shares_memory(copy.deepcopy(node).weight.data, node.weight.data)


def test_values_that_are_not_finite_are_found() -> None:
    bad = ir.CSR(**PARTS | {"data": np.array([1, np.nan, 2, 3])})
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(bad), output=ir.Output([3]))
    assert [error.code for error in graph.check().errors] == ["T205"]


def test_fingerprints_tell_them_from_arrays_and_from_each_other() -> None:
    def print_of(weight: Any) -> str:
        return ir.Graph({"fc": ir.Affine(weight)}, []).fingerprint()

    other = ir.CSR(**PARTS | {"shape": (3, 5)})
    assert len({print_of(w) for w in (ir.CSR(**PARTS), DENSE, other, ir.CSR(**PARTS).astype(np.float64))}) == 4
    assert print_of(Stranger(**PARTS)) == print_of(ir.CSR(**PARTS))


def test_a_lazy_one_is_loaded_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def ref(name: str, array: np.ndarray) -> ArrayRef:
        return ArrayRef(array.dtype, array.shape, lambda: (asked.append(name), array)[1])

    matrix = ir.CSR(**PARTS)
    lazy = GroupRef(ir.CSR, {name: ref(name, array) for name, array in matrix.parts().items()})
    node = ir.Affine.restore({"weight": lazy})
    assert node.dims["in"] == 4
    assert repr(node) == "Affine(weight=CSR(float32[3, 4], 4 elements))"
    assert node.parameter_count() == 4
    assert asked == ["shape"]
    assert node.weight is node.weight
    assert node.weight == matrix
    assert sorted(asked) == ["data", "indices", "indptr", "shape", "shape"]
    node.detach()
    assert node.weight == matrix
    with pytest.raises(ir.TalonTypeError):
        ir.Conv1d.restore({"weight": lazy})


# Meaning


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 3, 12])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_it_computes_what_the_weight_with_zeros_computes(dtype: Any, batch: int, rate: float) -> None:
    rng = np.random.default_rng(batch)
    matrix = sparse(0.5, (40, 30), batch)
    x = (rng.standard_normal((4, batch, 2, 30)) * (rng.random((4, batch, 2, 30)) < rate)).astype(np.float32)
    for bias in (None, np.full(40, -0.0), rng.standard_normal((2, 40))):
        results = [
            run(
                ir.Graph.chain(input=ir.Input([2, 30]), fc=ir.Affine(weight, bias), output=ir.Output([2, 40])),
                x,
                engine="reference",
                dtype=dtype,
            )
            for weight in (matrix, matrix.toarray())
        ]
        a, b = (result.outputs["output"] for result in results)
        assert a.tobytes() == b.tobytes()
        counts = results[0].counts["fc"]
        fan_out = np.count_nonzero(matrix.toarray(), axis=0)
        assert (counts["macs"] == 2 * matrix.nnz).all()
        assert (counts["synops"] == ((x != 0) * fan_out).sum(axis=(2, 3))).all()


def test_elements_that_are_there_and_zero_are_counted() -> None:
    matrix = ir.CSR([0, 2], [0, 1], [0.0, 2.0], (1, 2))
    graph = ir.Graph.chain(input=ir.Input([2]), fc=ir.Affine(matrix), output=ir.Output([1]))
    counts = run(graph, np.ones((1, 1, 2)), engine="reference").counts["fc"]
    assert counts["macs"].tolist() == counts["synops"].tolist() == [[2]]
