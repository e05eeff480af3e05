"""Sparse weights in strangers' files: what the arrays say of each other is proved before anything computes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.arrays import ArrayRef
from talon.ir.document import to_document
from talon.storage.backend import backends
from tests.hostile.forged import everything_of, refused

ROWS, COLUMNS = 300, 40
MATRIX = ir.CSR.from_dense(np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(np.float32))
PARTS = MATRIX.parts()


def other(name: str, place: int, value: int) -> dict[str, np.ndarray]:
    """A part with another item."""
    array = PARTS[name].copy()
    array[place] = value
    return {name: array}


def twice() -> dict[str, np.ndarray]:
    indices = PARTS["indices"].copy()
    indices[1] = indices[0]
    return {"indices": indices}


BAD: dict[str, dict[str, Any]] = {
    "pointers that fall": other("indptr", 5, 0),
    "a pointer beyond the end": other("indptr", 5, 1 << 40),
    "a negative pointer": other("indptr", 5, -1),
    "pointers that do not begin at 0": other("indptr", 0, 1),
    "pointers that end early": other("indptr", ROWS, 3),
    "a column that is too large": other("indices", 39, COLUMNS),
    "a negative column": other("indices", 0, -1),
    "a column twice": twice(),
    "columns that descend": {"indices": PARTS["indices"][::-1]},
    "more rows than pointers": other("shape", 0, ROWS + 1),
    "very many rows": other("shape", 0, 1 << 40),
    "fewer columns than there are": other("shape", 1, COLUMNS - 1),
    "a negative shape": other("shape", 1, -1),
    "a shape beyond all bounds": other("shape", 1, 1 << 60),
    "no rows": other("shape", 0, 0),
    "a shape of three axes": {"shape": np.array([ROWS, COLUMNS, 1])},
    "a shape of floats": {"shape": np.array([ROWS, COLUMNS], np.float64)},
    "a shape with two axes": {"shape": np.array([[ROWS, COLUMNS]])},
    "fewer elements": {"data": PARTS["data"][:-1]},
    "elements in two axes": {"data": PARTS["data"].reshape(ROWS, COLUMNS)},
    "no elements": {"data": PARTS["data"][:0]},
    "wide columns": {"indices": PARTS["indices"].astype(np.int64)},
    "narrow pointers": {"indptr": PARTS["indptr"].astype(np.int32)},
    "columns that are floats": {"indices": PARTS["indices"].astype(np.float32)},
    "a part too few": {"indptr": None},
    "a part too many": {"more": PARTS["data"]},
    "only one part": {"indptr": None, "indices": None, "shape": None},
}


def written(folder: Path, backend: str, arrays: dict[str, np.ndarray], of: str = "Affine") -> Path:
    """A file of which one node has these arrays, written as it stands."""
    graph = ir.Graph.chain(input=ir.Input([COLUMNS]), fc=ir.Affine(MATRIX), output=ir.Output([ROWS]))
    document = to_document(graph, lambda cls: ("talon-core", "0.1.0"), "somebody")
    (record,) = (node for node in document.nodes if node.path == "fc")
    record.type, record.published = of, {}
    record.arrays = {name: ArrayRef.of(array) for name, array in arrays.items()}
    path = folder / {"hdf5": "bad.t1c", "tree": "bad.t1c", "zarr": "bad.zarr.zip"}[backend]
    backends()["zarr" if backend == "zarr" else "hdf5"].write(document, path, None)
    if backend == "tree":
        with h5py.File(path, "r+") as file:  # which cuts off the index
            file.attrs["edited"] = True
            del file.attrs["edited"]
    return path


def changed(change: dict[str, Any]) -> dict[str, np.ndarray]:
    parts = {**PARTS, **change}
    return {f"weight/{name}": array for name, array in parts.items() if array is not None}


@pytest.mark.parametrize("backend", ["hdf5", "tree", "zarr"])
def test_the_honest_file_is_read(backend: str, tmp_path: Path) -> None:
    graph = everything_of(written(tmp_path, backend, changed({})))
    assert graph.nodes["fc"].weight == MATRIX  # type: ignore[attr-defined]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
@pytest.mark.parametrize("attack", BAD)
def test_an_attack_is_one_error(attack: str, backend: str, tmp_path: Path) -> None:
    path = written(tmp_path, backend, changed(BAD[attack]))
    error = refused(path, "T303", "weight")
    assert error.diagnostic.node == "fc"
    with pytest.raises(ir.TalonFormatError, match="weight"):
        ir.read(path, lazy=False)
    assert [node.path for node in ir.info(path).nodes] == ["", "input", "fc", "output"]


@pytest.mark.parametrize("attack", ["pointers that fall", "very many rows", "a column twice", "a part too few"])
def test_a_tree_is_read_with_the_same_care(attack: str, tmp_path: Path) -> None:
    path = written(tmp_path, "tree", changed(BAD[attack]))
    for trusted in (False, True):
        with pytest.raises(ir.TalonFormatError, match="weight") as caught:
            ir.read(path, trusted=trusted).load()
        assert caught.value.code == "T303"


@pytest.mark.parametrize("backend", ["hdf5", "tree", "zarr"])
def test_groups_stand_only_where_they_may(backend: str, tmp_path: Path) -> None:
    group = changed({})
    error = refused(written(tmp_path, backend, group | {"bias/indptr": PARTS["indptr"]}), "T303", "bias")
    assert "an array" in str(error)
    (tmp_path / "other").mkdir()
    refused(written(tmp_path / "other", backend, group, "Conv1d"), "T303", "weight")


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_field_is_not_said_twice(backend: str, tmp_path: Path) -> None:
    if backend == "hdf5":
        with pytest.raises(ir.TalonFileError):  # a tree has one object of a name
            written(tmp_path, backend, {"weight": MATRIX.toarray(), **changed({})})
        return
    refused(written(tmp_path, backend, {"weight": MATRIX.toarray(), **changed({})}), "T303", "weight")


def test_what_a_group_in_a_tree_may_hold(tmp_path: Path) -> None:
    """A group inside, or a text, in the place of an array; a link that leads elsewhere."""

    def text(group: h5py.Group) -> None:
        del group["data"]
        group["data"] = "text"

    def deeper(group: h5py.Group) -> None:
        group.create_group("more")

    def elsewhere(group: h5py.Group) -> None:
        del group["data"]
        group["data"] = h5py.SoftLink("/graph/nodes/fc/weight/indices")

    for number, change in enumerate((text, deeper, elsewhere)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = written(folder, "tree", changed({}))
        with h5py.File(path, "r+") as file:
            change(file["graph/nodes/fc/weight"])
        for trusted in (False, True):
            with pytest.raises(ir.TalonFormatError) as caught:
                ir.read(path, trusted=trusted).load()
            assert caught.value.code == "T303"
