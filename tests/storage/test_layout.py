"""The tree as plain h5py sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir


@pytest.fixture
def tree(everything: ir.Graph, tmp_path: Path) -> Any:
    ir.write(tmp_path / "all.t1c", everything)
    with h5py.File(tmp_path / "all.t1c") as file:
        yield file


def test_the_published_layout_is_complete(tree: h5py.File) -> None:
    assert tree["version"].asstr()[()] == "0.0.1"
    assert tree["graph/type"].asstr()[()] == "Graph"
    assert tree["graph/nodes/half/type"].asstr()[()] == "Affine"
    assert tree["graph/nodes/half/weight"].shape == (300, 4)
    assert tree["graph/nodes/z first/shape"][()].tolist() == [4]
    assert tree["graph/nodes/half/core_id"][()] == 0
    assert tree["graph/nodes/half/metadata/deep/empty"].keys() == set()
    assert tree["graph/nodes/sub/nodes/inner/nodes/relu/features"][()] == 300
    assert tree["graph/allow_cycles"].dtype == h5py.enum_dtype({"FALSE": 0, "TRUE": 1}, "i1") or tree[
        "graph/allow_cycles"
    ].dtype == np.dtype(bool)
    assert tree["graph/edges/src"].asstr()[()].tolist()[5] == "split:1"
    assert tree["graph/edges/delay"][()].tolist() == [-1, 0, -1, -1, 3, -1, -1, -1, -1, -1, -1]


def test_softmax_dim_stands_as_the_published_package_counts(tree: h5py.File) -> None:
    assert tree["graph/nodes/soft/dim"][()] == -1
    assert json.loads(tree["talon/exact"].asstr()[()])["soft"] == {"dim": {"int": "0"}}


def test_our_group_says_what_the_layout_cannot(tree: h5py.File, everything: ir.Graph) -> None:
    ours = tree["talon"]
    assert set(ours) == {
        "format", "writer", "providers", "arrays", "node_order", "dt", "types", "execution_schedule", "exact",
    }  # fmt: skip
    assert ours["writer"].asstr()[()].startswith("talon-core ")
    providers = json.loads(ours["providers"].asstr()[()])
    assert providers["LIF"] == ["talon-core", ir.__version__, 1]
    order = json.loads(ours["node_order"].asstr()[()])
    assert order[""] == list(everything.nodes)
    assert order["sub/inner"] == ["x", "relu", "y"]
    assert json.loads(ours["dt"].asstr()[()]) == {"": {"dt": {"float": "0.001"}}, "sub": {"dt": {"float": "0.1"}}}
    assert set(json.loads(ours["types"].asstr()[()])["half"]) == {"input_type", "output_type"}


def test_every_object_is_plain(tree: h5py.File) -> None:
    """No chunks, filters, variable lengths or external storage; times off; small compact, large aligned."""
    seen = 0

    def look(name: str, item: Any) -> None:
        nonlocal seen
        seen += 1
        assert h5py.h5o.get_info(item.id).mtime == 0
        if not isinstance(item, h5py.Dataset):
            return
        plan = item.id.get_create_plist()
        assert plan.get_nfilters() == 0
        assert item.chunks is None
        assert not item.is_virtual
        assert item.external is None
        text = h5py.check_string_dtype(item.dtype)
        assert text is None or text.length
        size = item.id.get_storage_size()
        if size <= 1024:
            assert plan.get_layout() == h5py.h5d.COMPACT
        else:
            assert plan.get_layout() == h5py.h5d.CONTIGUOUS
            assert item.id.get_offset() % 64 == 0

    tree.visititems(look)
    assert seen > 100


def test_superblock_two_and_equal_bytes(everything: ir.Graph, tmp_path: Path) -> None:
    ir.write(tmp_path / "a.t1c", everything)
    ir.write(tmp_path / "b.h5", everything)
    first = (tmp_path / "a.t1c").read_bytes()
    assert first[8] == 2
    assert first == (tmp_path / "b.h5").read_bytes()
    ir.write(tmp_path / "c.t1c", ir.read(tmp_path / "a.t1c"))
    assert first == (tmp_path / "c.t1c").read_bytes()


def test_fields_at_their_default_are_not_written(tmp_path: Path) -> None:
    neuron = ir.LIF(2.0, 1.0, 0.0, 1.0)
    ir.write(tmp_path / "d.t1c", ir.Graph.chain(input=ir.Input([1]), lif=neuron, output=ir.Output([1])))
    with h5py.File(tmp_path / "d.t1c") as file:
        assert set(file["graph/nodes/lif"]) == {"type", "tau", "r", "v_leak", "v_threshold"}
