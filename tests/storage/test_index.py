"""Files with an index: read without HDF5, lazily, with every array proved; without it, by their tree."""

from __future__ import annotations

import copy
import mmap
import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from talon import ir
from talon.storage.index import footer
from talon.storage.index.opening import indexed
from talon.storage.source import OpenFile
from tests.storage.owners import base, weight

RNG = np.random.default_rng(0)
LARGE, MIDDLE, SMALL = (RNG.standard_normal((n, n)).astype(np.float32) for n in (200, 40, 4))
GRAPH = ir.Graph(
    {
        "in": ir.Input([200]),
        "large": ir.Affine(LARGE),
        "sub": ir.Graph.chain(input=ir.Input([40]), middle=ir.Affine(MIDDLE), output=ir.Output([40])),
        "small": ir.Affine(SMALL),
        "lif": ir.LIF(np.float32(2), 1.0, 0.0, 1.0),
    },
    [("in", "large"), ("large", "lif")],
    metadata={"made": "here"},
    dt=0.001,
)

NO_HDF5 = """
import sys
from importlib.abc import MetaPathFinder

class Forbidden(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "h5py":
            raise AssertionError("h5py was imported")

sys.meta_path.insert(0, Forbidden())
import numpy as np
from talon import ir
from talon.engine import run

graph = ir.read(sys.argv[1])
print(ir.info(sys.argv[1]).types, ir.read_version(sys.argv[1]))
net = ir.Graph({n: graph.nodes[n] for n in ("in", "large", "lif")} | {"out": ir.Output([200])},
               [("in", "large"), ("large", "lif"), ("lif", "out")])
print(run(net, np.ones((3, 1, 200), np.float32)).outputs["out"].shape, graph.load().fingerprint())
assert "h5py" not in sys.modules
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ir.write(tmp_path / "g.t1c", GRAPH)
    return tmp_path / "g.t1c"


def test_h5py_is_not_imported_for_a_file_with_an_index(path: Path) -> None:
    call = [sys.executable, "-c", NO_HDF5, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert GRAPH.fingerprint() in done.stdout
    with h5py.File(path, "r+"):
        pass
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # without an index it is imported by the child
    call = [*call[:2], NO_HDF5.replace("sys.argv[1])", "sys.argv[1], trusted=True)"), str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert "h5py was imported" in done.stderr


def test_an_edit_by_h5py_drops_the_footer_and_nothing_is_lost(path: Path) -> None:
    with h5py.File(path, "r") as file:
        assert file["graph/nodes/large/weight"].shape == (200, 200)
    assert indexed(path) is not None
    with h5py.File(path, "r+") as file:
        file["graph/nodes/small/weight"][0, 0] = 7
    assert indexed(path) is None
    found = ir.read(path)
    assert weight(found, "small")[0, 0] == 7
    assert found.replace("small", GRAPH.nodes["small"]).same_as(GRAPH)
    ir.write(path, found)
    assert indexed(path) is not None
    assert ir.read(path).same_as(found)


def test_which_arrays_are_views_copies_and_maps(path: Path) -> None:
    graph = ir.read(path)
    assert isinstance(base(weight(graph, "large")), mmap.mmap)
    assert isinstance(base(weight(graph, "sub/middle")), np.ndarray)
    assert isinstance(base(weight(graph, "small")), bytes)
    for name in ("large", "sub/middle", "small"):
        with pytest.raises(ValueError):
            weight(graph, name)[0, 0] = 1


@pytest.mark.parametrize("touched", [False, True])
def test_loading_detaches(path: Path, touched: bool) -> None:
    graph = ir.read(path)
    if touched:
        weight(graph, "large")
    graph.load()
    eager = ir.read(path, lazy=False)
    path.write_bytes(b"")
    for found in (graph, graph.load(), eager, eager.load()):
        assert not isinstance(base(weight(found, "large")), mmap.mmap)
        assert found.same_as(GRAPH)


def test_lazy_graphs_are_copied_by_value(path: Path) -> None:
    graph = ir.read(path)
    copies = [copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))]
    path.unlink()
    for found in copies:
        assert found.same_as(GRAPH)


def test_a_lazy_graph_is_written_over_its_own_file(path: Path) -> None:
    before = path.read_bytes()
    graph = ir.read(path)
    ir.write(path, graph)
    assert path.read_bytes() == before
    assert graph.same_as(GRAPH)


@pytest.mark.parametrize("name", ["large", "sub/middle", "small"])
@pytest.mark.parametrize("lazy", [True, False])
def test_a_changed_array_is_one_error_with_node_and_field(path: Path, name: str, lazy: bool) -> None:
    content = bytearray(path.read_bytes())
    index = int.from_bytes(content[-56:-48], "little")
    at = content.index(weight(GRAPH, name).tobytes())
    if name == "small":  # in the tree, which the reader does not look at; the index has its own
        content[at] ^= 1
        path.write_bytes(content)
        assert ir.read(path, lazy=lazy).same_as(GRAPH)
        return
    assert at < index
    content[at + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ir.TalonFormatError) as caught:
        weight(ir.read(path, lazy=lazy), name)
    error = caught.value.diagnostic
    assert (error.code, error.node, error.file) == ("T305", name, str(path))
    assert "'weight'" in error.message
    assert "crc32" in f"{error.expected} {error.found}"


def test_info_touches_no_array_and_agrees_with_the_tree(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fetch", "summed", "map"):
        monkeypatch.setattr(OpenFile, name, lambda *a: pytest.fail("an array was touched"))
    by_index = ir.info(path)
    monkeypatch.undo()
    with h5py.File(path, "r+"):
        pass
    by_tree = ir.info(path)
    for name in ("format", "writer", "legacy", "dt", "metadata", "types", "providers", "parameters"):
        assert getattr(by_index, name) == getattr(by_tree, name), name
    assert by_index.edges == by_tree.edges
    assert by_index.size > by_tree.size
    assert [node.path for node in by_index.nodes] == [node.path for node in by_tree.nodes]
    assert by_index.nodes[2].arrays["weight"].shape == (200, 200)
    assert by_index.nodes[-1].path == "lif"
    assert [node.path for node in by_index.nodes[1:3]] == ["in", "large"]
    assert by_index.nodes[1].attrs["shape"] == (200,) or list(by_index.nodes[1].attrs["shape"]) == [200]


def test_a_truncated_file_is_refused_before_its_map_is_touched(path: Path) -> None:
    graph = ir.read(path)
    os.truncate(path, 5000)
    for name in ("large", "sub/middle"):
        with pytest.raises(ir.TalonFormatError, match="changed after it was opened"):
            weight(graph, name)
    assert weight(graph, "small").tobytes() == SMALL.tobytes()


def test_a_replaced_file_stays_readable(path: Path) -> None:
    graph = ir.read(path)
    ir.write(path, ir.Graph({}, []))
    assert graph.same_as(GRAPH)


def test_where_things_stand(path: Path) -> None:
    found = indexed(path)
    assert found is not None
    with path.open("rb") as file:
        last = footer.find(file)
    assert last is not None
    assert last.offset % 64 == 0
    with h5py.File(path) as file:
        end = file["graph/nodes/large/weight"].id.get_offset()
    places = found.tables["array.place"].tolist()
    assert places[0] == end
    assert [place % 64 for place in places] == [0] * len(places)
    assert [bool(place) for place in places] == [True, True, False, False, False, False, False]


def test_names_that_look_the_same_are_not_written(tmp_path: Path) -> None:
    graph = ir.Graph({"\u00e9": ir.Input([1]), "e\u0301": ir.Input([1])}, [])
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(tmp_path / "x.t1c", graph)
    assert caught.value.code == "T309"
    assert not (tmp_path / "x.t1c").exists()


def test_arrays_that_the_tree_holds_in_another_form_stand_in_the_index(tmp_path: Path) -> None:
    """What the published package must be given is another array; ours comes back."""
    from talon.ir.arrays import ArrayRef
    from talon.ir.document import Document, NodeRecord
    from talon.storage.hdf5.backend import Hdf5Backend

    ours, theirs = np.arange(1000.0), np.zeros(3)
    record = NodeRecord("x", "Odd", arrays={"a": ArrayRef.of(ours)}, published={"a": theirs})
    Hdf5Backend().write(Document("1.0", "w", [NodeRecord("", "Graph"), record], []), tmp_path / "o.t1c", None)
    for lazy in (True, False):
        found = Hdf5Backend().read(tmp_path / "o.t1c", lazy, None)
        assert found.nodes[1].arrays["a"].load().tobytes() == ours.tobytes()
