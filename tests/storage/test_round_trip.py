"""What goes into a file comes out of it, to the bit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from talon import ir
from talon.testing.kept import notes
from talon.testing.storage import check_backend


def test_hdf5_passes_the_kit() -> None:
    check_backend("hdf5", ".t1c", deterministic=True, lazy=True, checksums=True)


def test_everything_comes_back(everything: ir.Graph, tmp_path: Path) -> None:
    path = tmp_path / "all.t1c"
    ir.write(path, everything)
    for lazy in (True, False):
        graph = ir.read(path, lazy=lazy)
        assert graph.same_as(everything)
        assert copy.deepcopy(graph).same_as(everything)


@pytest.mark.parametrize("name", ["whole", "lif.ß", "conv", "split"])
def test_a_change_of_any_node_is_seen(everything: ir.Graph, tmp_path: Path, name: str) -> None:
    ir.write(tmp_path / "a.t1c", everything.replace(name, everything.nodes[name].changed(core_id=7)))
    assert not ir.read(tmp_path / "a.t1c").same_as(everything)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=notes())
def test_any_metadata_comes_back(value: Any, tmp_path: Path) -> None:
    graph = ir.Graph.chain(input=ir.Input([1], metadata={"v": value}), output=ir.Output([1]))
    graph = ir.Graph(graph.nodes, graph.edges, metadata={"v": value}, quantization_config=value)
    ir.write(tmp_path / "m.t1c", graph)
    assert ir.read(tmp_path / "m.t1c").same_as(graph)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weight=hnp.arrays(st.sampled_from(["f2", "f4", "f8", "i1", "u2", "i8", "?"]), (2, 3)))
def test_any_weight_comes_back(weight: np.ndarray, tmp_path: Path) -> None:
    node = ir.Affine.restore({"weight": weight})
    graph = ir.Graph.chain(input=ir.Input([3]), fc=node, output=ir.Output([2]))
    ir.write(tmp_path / "w.t1c", graph)
    found = ir.read(tmp_path / "w.t1c").nodes["fc"]
    assert found.same_as(node)
    assert isinstance(found, ir.Affine)
    assert found.weight.tobytes() == weight.tobytes()


def test_big_endian_arrays_are_kept_by_value(tmp_path: Path) -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), fc=ir.Affine(np.array([[1, 2]], ">f4")), output=ir.Output([1]))
    ir.write(tmp_path / "e.t1c", graph)
    assert ir.read(tmp_path / "e.t1c").nodes["fc"].same_as(ir.Affine(np.array([[1, 2]], "<f4")))
