"""Nodes of types that nobody here provides: kept, checked around, written back, and alive again."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.engine import run
from talon.ir.declare import Array, array, choice, integer, mapping
from talon.ir.document import NodeRecord
from talon.ir.opaque import Opaque
from talon.plugins import temporary
from talon.storage import compared


class Strange(ir.Primitive):
    """Something a stranger made, with a field of every kind."""

    weight: Array = array("out in", doc="weight")
    gain: Array = array(None, doc="gain", default=1.0)
    number: int = integer(doc="number", default=3)
    mode: str = choice(("a", "b"), doc="mode", default="a")
    notes: Any = mapping(doc="notes", default={}, kw_only=True)

    def ports(self) -> ir.Ports:
        return ir.Ports((ir.InPort("in"), ir.InPort("more")), ("out", "extra"))

    def infer(self, *inputs: Any) -> Any:
        return (self.dims["out"],), (self.dims["out"],)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        out = np.zeros((inputs[0].shape[0], self.dims["out"]), inputs[0].dtype)
        return out, out


@pytest.fixture
def graph() -> ir.Graph:
    node = Strange(
        np.arange(2400.0).reshape(600, 4),
        np.float32(2),
        5,
        "b",
        notes={"tuple": (1, 2.5), "none": None, "wide": 1 << 70, "arr": np.arange(3, dtype=np.int8)},
        metadata={"who": ("me",)},
        core_id=2,
        input_type=[4],
    )
    nodes = {"in": ir.Input([4]), "odd": node, "one": ir.Output([600]), "two": ir.Output([600])}
    edges = [("in", "odd"), ir.Edge("in", "odd:more", delay=2), ("odd", "one"), ("odd:extra", "two")]
    inner = ir.Graph(
        {"x": ir.Input([4]), "deep": node, "y": ir.Output([600])}, [("x", "deep"), ("x", "deep:more"), ("deep", "y")]
    )
    return ir.Graph(nodes | {"sub": inner, "three": ir.Output([600])}, [*edges, ("in", "sub"), ("sub", "three")])


@pytest.fixture
def path(graph: ir.Graph, tmp_path: Path) -> Path:
    with temporary(primitives={"Strange": Strange}):
        ir.write(tmp_path / "strange.t1c", graph)
    return tmp_path / "strange.t1c"


def test_an_unknown_type_is_an_error_unless_it_is_to_be_kept(path: Path) -> None:
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(path)
    assert caught.value.code == "T304"
    with pytest.raises(ir.TalonTypeError, match="'error' or 'keep'"):
        ir.read(path, unknown="ignore")  # type: ignore[arg-type]
    kept = ir.read(path, unknown="keep")
    node = kept.nodes["odd"]
    assert isinstance(node, ir.Opaque)
    assert node.stored_type == "Strange"
    assert node.core_id == 2
    assert node.metadata["who"] == ("me",)
    assert node.ports() == ir.Ports((ir.InPort("in"), ir.InPort("more")), ("out", "extra"))
    assert isinstance(kept.node("sub/deep"), ir.Opaque)
    assert "Opaque(Strange" in repr(kept)
    assert len(repr(kept).splitlines()) < 20


def test_it_is_written_back_value_for_value_and_comes_alive(path: Path, graph: ir.Graph, tmp_path: Path) -> None:
    kept = ir.read(path, unknown="keep")
    again = tmp_path / "again.t1c"
    ir.write(again, kept)
    ir.write(tmp_path / "third.t1c", ir.read(again, unknown="keep"))
    assert ir.read(again, unknown="keep").same_as(kept)
    assert ir.read(again, unknown="keep").fingerprint() == kept.fingerprint() == graph.fingerprint()
    for file in (again, tmp_path / "third.t1c"):
        with temporary(primitives={"Strange": Strange}):
            alive = ir.read(file)
            assert alive.same_as(graph)
            assert alive.fingerprint() == graph.fingerprint()
            assert ir.read(file, unknown="keep").same_as(graph)
            x = np.zeros((1, 1, 4))
            assert set(run(alive, x).outputs) == {"one", "two", "three"}


def test_copies_and_comparison(path: Path) -> None:
    kept = ir.read(path, unknown="keep")
    node = kept.nodes["odd"]
    assert copy.deepcopy(kept).same_as(kept)
    assert pickle.loads(pickle.dumps(kept)).same_as(kept)
    assert not node.same_as(kept.nodes["in"])
    assert not node.same_as(kept.node("sub/deep"))
    path.unlink()
    assert pickle.loads(pickle.dumps(kept)).same_as(kept)


def test_the_rest_of_the_graph_is_checked_and_running_names_what_is_missing(path: Path) -> None:
    kept = ir.read(path, unknown="keep")
    report = kept.check()
    assert report.ok, str(report)
    opaque = [d for d in report.diagnostics if d.code == "T117"]
    assert [d.node for d in opaque] == ["odd", "sub/deep"]
    assert all(d.severity == "warning" and "Strange" in d.message for d in opaque)
    broken = ir.Graph(
        {**kept.nodes, "fc": ir.Affine(np.zeros((2, 5))), "four": ir.Output([2])},
        [*kept.edges, ("in", "fc"), ("fc", "four")],
    )
    assert {d.code for d in broken.check().errors} == {"T104"}
    with pytest.raises(ir.TalonRunError) as caught:
        run(kept, np.zeros((1, 1, 4)))
    assert caught.value.code == "T408"
    assert "'Strange'" in str(caught.value)
    assert caught.value.diagnostic.node == "odd"


NAMES = ("a/b/c", "a/b", "/a", "/graph/stolen", "a/", "a//b", "a/b/", "/", "./a", "a/.", "a/..", ".", "..", "", "type")
NAMES += ("type/a", "nodes", "quant", "a:b", " ", "\u00e9")
KEPT_BY_HDF5 = {
    "attribute": {"..", "nodes", "quant", "a:b", " ", "\u00e9"},
    "array": {"a/b", "a/..", "..", "nodes", "quant", "a:b", " ", "\u00e9"},
}


def strange(name: str, kind: str, count: int, size: int) -> ir.Graph:
    """Nodes of a type that nobody knows, with a field of any name, and an honest node."""
    values = {"attribute": {"attrs": {name: 1.5}}, "array": {"arrays": {name: ir.ArrayRef.of(np.arange(float(size)))}}}
    record = NodeRecord("", "Nobodys", "nobody", "1", 1, **values[kind])  # type: ignore[arg-type]
    nodes: dict[str, ir.Node] = {f"odd{i}": Opaque(record) for i in range(count)}
    return ir.Graph({"input": ir.Input([3]), **nodes}, [("input", "odd0")])


@pytest.mark.parametrize("kind", ["attribute", "array"])
@pytest.mark.parametrize(("count", "size"), [(1, 3), (20, 3), (1, 200)], ids=["one", "many", "large"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".t1c", ".zarr"])
def test_a_field_of_any_name_comes_back_or_is_refused(
    name: str, kind: str, count: int, size: int, suffix: str, tmp_path: Path
) -> None:
    """HDF5 takes names for paths: a field that has no place in the group of its node is told, and put nowhere else."""
    path, graph = tmp_path / f"net{suffix}", strange(name, kind, count, size)
    if suffix == ".t1c" and name not in KEPT_BY_HDF5[kind]:
        with pytest.raises(ir.TalonFileError, match="HDF5 has no place") as caught:
            ir.write(path, graph)
        told = caught.value.diagnostic
        assert (told.code, told.node, told.file, told.found) == ("T309", "odd0", str(path), repr(name))
        assert os.listdir(tmp_path) == []
        return
    ir.write(path, graph)
    assert ir.read(path, unknown="keep").same_as(graph)
    assert ir.read(path, unknown="keep", lazy=False).same_as(graph)
    if suffix == ".t1c":
        assert compared(path).ok
        with h5py.File(path, "r+"):
            pass
        assert ir.read(path, unknown="keep").same_as(graph)


@pytest.mark.parametrize("suffix", [".t1c", ".zarr"])
def test_a_field_that_is_a_value_and_a_group_of_arrays(suffix: str, tmp_path: Path) -> None:
    arrays = {name: ir.ArrayRef.of(np.arange(3.0)) for name in ("a/b", "a")}
    graph = ir.Graph({"odd": Opaque(NodeRecord("", "Nobodys", "nobody", "1", 1, {}, arrays))}, [])
    if suffix == ".zarr":
        ir.write(tmp_path / "net.zarr", graph)
        assert ir.read(tmp_path / "net.zarr", unknown="keep").same_as(graph)
    else:
        with pytest.raises(ir.TalonFileError, match="a value, or a group of arrays") as caught:
            ir.write(tmp_path / "net.t1c", graph)
        assert (caught.value.code, caught.value.diagnostic.node) == ("T309", "odd")
