"""Sparse weights in files: lossless, lazy, and proved when they are first used."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from talon import ir
from talon.ir.grouped import GroupRef
from talon.storage import compared
from talon.testing.kept import matrices

FILES = ("net.t1c", "net.zarr", "net.zarr.zip")
LARGE = ir.CSR.from_dense(np.arange(1, 160_001, dtype=np.float32).reshape(400, 400) % 7)


def net(matrix: ir.CSR) -> ir.Graph:
    return ir.Graph({"fc": ir.Affine.restore({"weight": matrix})}, [])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(matrix=matrices())
@pytest.mark.parametrize("name", FILES)
def test_any_matrix_comes_back(matrix: ir.CSR, name: str, tmp_path: Path) -> None:
    graph = net(matrix)
    ir.write(tmp_path / name, graph)
    for lazy in (True, False):
        found = ir.read(tmp_path / name, lazy=lazy)
        assert found.same_as(graph)
        assert found.fingerprint() == graph.fingerprint()
        assert found.nodes["fc"].weight == matrix  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FILES)
def test_it_stays_in_the_file_until_somebody_asks(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    ir.write(path, net(LARGE))
    node = ir.read(path).nodes["fc"]
    assert isinstance(node.raw("weight"), GroupRef)
    assert node.dims == {"out": 400, "in": 400}
    assert node.parameter_count() == LARGE.nnz
    assert ir.info(path).parameters == LARGE.nnz
    assert node.weight == LARGE  # type: ignore[attr-defined]
    loaded = ir.read(path)
    loaded.load()
    assert not isinstance(loaded.nodes["fc"].raw("weight"), GroupRef)
    other = tmp_path / f"other {name}"
    ir.write(other, ir.read(path))
    assert ir.read(other).same_as(net(LARGE))


def test_damage_is_told_of_the_part(tmp_path: Path) -> None:
    path = tmp_path / "net.t1c"
    ir.write(path, net(LARGE))
    data, wanted = bytearray(path.read_bytes()), LARGE.data.tobytes()
    data[data.index(wanted) + 1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ir.TalonFormatError, match="weight/data") as caught:
        ir.read(path).load()
    assert (caught.value.code, caught.value.diagnostic.node) == ("T305", "fc")


def test_the_tree_says_it_too(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "net.t1c"
    ir.write(path, net(LARGE))
    assert compared(path).diagnostics == ()
    with h5py.File(path) as file:
        group = file["graph/nodes/fc/weight"]
        assert sorted(group) == ["data", "indices", "indptr", "shape"]
        assert group["indices"].dtype == np.int32
        assert group["shape"][:].tolist() == [400, 400]
    with h5py.File(path, "r+") as file:  # an edit by another tool cuts off the index
        file["graph/nodes/fc/weight/data"][0] = 42
    found = ir.read(path).nodes["fc"].weight  # type: ignore[attr-defined]
    assert found.toarray()[LARGE.rows[0], LARGE.indices[0]] == 42


def test_parts_of_which_the_file_does_not_say_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "n.t1c"
    ir.write(path, net(ir.CSR.from_dense(np.eye(4, dtype="f4"))))
    with h5py.File(path, "r+") as file:
        del file["talon"]
    for call in (ir.read, ir.info):
        with pytest.raises(ir.TalonFormatError) as caught:
            call(path)
        assert (caught.value.code, caught.value.diagnostic.node) == ("T303", "fc")
        assert "'weight' is in parts" in str(caught.value)
        assert "'indices'" in str(caught.value)
