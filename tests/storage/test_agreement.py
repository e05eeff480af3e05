"""Tree and index of a file say the same, and a file in which they do not is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import cli
from talon.ir.arrays import ArrayRef
from talon.ir.document import FORMAT, Document, NodeRecord
from talon.storage import compared
from talon.storage.agreement import MOST, differences
from talon.storage.hdf5.backend import Hdf5Backend
from talon.testing.everything import bit_patterns, everything


@pytest.mark.parametrize("make", [everything, bit_patterns, lambda: ir.Graph({}, [])])
def test_what_we_write_agrees(make: Callable[[], ir.Graph], tmp_path: Path) -> None:
    ir.write(tmp_path / "a.t1c", make())
    found = compared(tmp_path / "a.t1c")
    assert found.twice
    assert found.diagnostics == ()


def test_what_was_read_and_written_again_agrees(tmp_path: Path) -> None:
    """Also from a tree, whose values have other types, and with types that nobody provides."""
    ir.write(tmp_path / "a.t1c", everything())
    with h5py.File(tmp_path / "a.t1c", "r+"):
        pass
    assert compared(tmp_path / "a.t1c").twice is False
    ir.write(tmp_path / "b.t1c", ir.read(tmp_path / "a.t1c"))
    assert compared(tmp_path / "b.t1c").diagnostics == ()
    strange = NodeRecord("x", "Strange", "s", "1", 2, {"t": (1, 2), "n": None, "d": {"k": [1.5, "x"]}})
    strange.free = frozenset(strange.attrs)
    strange.arrays["a"] = ArrayRef.of(np.arange(2000.0))
    Hdf5Backend().write(Document(FORMAT, "w", [NodeRecord("", "Graph"), strange], []), tmp_path / "c.t1c", None)
    assert compared(tmp_path / "c.t1c").diagnostics == ()


def node(document: Document, path: str) -> NodeRecord:
    return next(record for record in document.nodes if record.path == path)


def change_array(document: Document) -> None:
    arrays = node(document, "big").arrays
    values = arrays["weight"].load().copy()
    values[3, 3] = np.nextafter(values[3, 3], np.float32(9))
    arrays["weight"] = ArrayRef.of(values)


CHANGES: list[tuple[str, Callable[[Document], object], str | None, str]] = [
    ("format", lambda d: setattr(d, "format", "1.1"), None, "format"),
    ("writer", lambda d: setattr(d, "writer", "nobody"), None, "writer"),
    ("node missing", lambda d: d.nodes.pop(), None, "nodes"),
    ("node renamed", lambda d: setattr(d.nodes[1], "path", "other"), None, "nodes"),
    ("node order", lambda d: d.nodes.insert(1, d.nodes.pop(2)), None, "order"),
    ("edge missing", lambda d: d.edges.pop(), None, "edges"),
    ("delay", lambda d: d.edges.__setitem__(0, d.edges[0]._replace(delay=1)), None, "edges"),
    ("type", lambda d: setattr(node(d, "big"), "type", "SpikingAffine"), "big", "type"),
    ("provider", lambda d: [setattr(r, "version", "9") for r in d.nodes], "in", "provider"),
    ("attribute", lambda d: node(d, "in").attrs.update(core_id=2), "in", "core_id"),
    ("attribute's type", lambda d: node(d, "in").attrs.update(core_id=1.0), "in", "core_id"),
    ("attribute more", lambda d: node(d, "big").attrs.update(core_id=2), "big", "core_id"),
    ("attribute fewer", lambda d: node(d, "in").attrs.pop("core_id"), "in", "core_id"),
    ("list for a tuple", lambda d: node(d, "in").attrs.update(metadata={"t": [1]}), "in", "metadata"),
    ("array's last bit", change_array, "big", "weight"),
    ("array missing", lambda d: node(d, "big").arrays.pop("bias"), "big", "bias"),
]


@pytest.mark.parametrize(("change", "where", "word"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_difference_is_named(
    change: Callable[[Document], object], where: str | None, word: str, tmp_path: Path
) -> None:
    weight = np.ones((40, 40), np.float32)
    graph = ir.Graph.chain(
        **{"in": ir.Input([40], core_id=1, metadata={"t": (1,)})}, big=ir.Affine(weight, weight[0]), y=ir.Output([40])
    )
    path = tmp_path / "a.t1c"
    ir.write(path, graph)
    both = Hdf5Backend().both(path)
    assert both is not None
    tree, index = both
    assert list(differences(tree, index)) == []
    change(index)
    found = list(differences(tree, index))
    assert {diagnostic.code for diagnostic in found} == {"T310"}
    assert any(word in d.message and (where is None or d.node == where) for d in found), found


def mixed(path: Path, *graphs: ir.Graph) -> Path:
    """A file with the tree of one graph and the index of another that takes as many bytes."""
    parts = []
    for graph in graphs:
        ir.write(path, graph)
        content = path.read_bytes()
        end = int.from_bytes(content[-56:-48], "little")
        parts.append((content[:end], content[end:]))
    path.write_bytes(parts[0][0] + parts[1][1])
    return path


def test_a_tree_of_one_file_and_the_index_of_another(tmp_path: Path) -> None:
    chains = (ir.Graph.chain(**{"in": ir.Input([1], core_id=core)}, y=ir.Output([1])) for core in (1, 2))
    path = mixed(tmp_path / "x.t1c", *chains)
    assert ir.read(path).nodes["in"].core_id == 2
    (diagnostic,) = compared(path).diagnostics
    assert (diagnostic.code, diagnostic.node, diagnostic.file) == ("T310", "in", str(path))
    with pytest.raises(ir.TalonFormatError):
        compared(path).raise_errors()
    plain, deep = (CliRunner().invoke(cli, ["check", *words, str(path)]) for words in ((), ("--deep",)))
    assert (plain.exit_code, deep.exit_code) == (0, 1)
    assert "T310" in deep.output
    envelope = json.loads(CliRunner().invoke(cli, ["check", "--deep", str(path), "--json"]).stdout)
    assert envelope["data"]["errors"] == 1


def test_check_says_whether_it_compared(tmp_path: Path) -> None:
    path = tmp_path / "x.t1c"
    ir.write(path, ir.Graph.chain(input=ir.Input([1]), output=ir.Output([1])))
    assert "tree and index agree" in CliRunner().invoke(cli, ["check", "--deep", str(path)]).output
    with h5py.File(path, "r+"):
        pass
    result = CliRunner().invoke(cli, ["check", "--deep", str(path)])
    assert result.exit_code == 0
    assert "nothing to compare" in result.output


def test_only_so_many_differences_are_told(tmp_path: Path) -> None:
    many = [ir.Graph({f"in{i}": ir.Input([1], core_id=core) for i in range(50)}, []) for core in (1, 2)]
    assert len(compared(mixed(tmp_path / "x.t1c", *many)).diagnostics) == MOST


@pytest.mark.parametrize("suffix", [".t1c", ".zarr.zip"])
def test_a_file_that_cannot_be_read_agrees_with_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"n{suffix}"
    ir.write(path, ir.Graph({"in": ir.Input([1])}, []))
    assert compared(path).ok
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ir.TalonFormatError) as caught:
        compared(path)
    assert (caught.value.code, caught.value.diagnostic.file) == ("T303", str(path))
