"""Nodes of types that nobody here provides: kept, checked around, written back, and alive again."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import run
from talon.ir.declare import Array, array, choice, integer, mapping
from talon.plugins import temporary


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
