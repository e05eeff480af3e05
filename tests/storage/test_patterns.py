"""Nodes that are copied from a pattern in memory stand in the tree as if each had been written by itself."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5o
from hypothesis import HealthCheck, given, settings

from talon import ir
from talon.storage import compared
from talon.storage.hdf5 import patterns
from talon.testing import everything as kit
from talon.testing.kept import kept_graphs

NEVER = 1 << 40


def many(count: int = 3 * patterns.ENOUGH) -> ir.Graph:
    """Nodes of two kinds, each with values of its own."""
    rng = np.random.default_rng(1)
    nodes: dict[str, ir.Node] = {}
    for number in range(count):
        nodes[f"fc{number}"] = ir.Affine(rng.standard_normal((4, 4), np.float32), bias=np.full(4, number, "f4"))
        tau, one = rng.random(4, np.float32) + 1, np.ones(4, np.float32)
        nodes[f"lif{number}"] = ir.LIF(tau=tau, r=one, v_leak=0 * one, v_threshold=one)
    return ir.Graph(nodes, list(itertools.pairwise(nodes)))


def tree(path: Path) -> dict[str, Any]:
    """Every object of a file: what it is, how it lies there, its bytes."""
    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        plan = item.id.get_create_plist()
        found[name] = len(item.attrs), plan.get_obj_track_times()
        if isinstance(item, h5py.Group):
            found[name] += tuple(sorted(item))
        else:
            found[name] += item.dtype, item.shape, np.asarray(item[()]).tobytes(), plan.get_layout()
            found[name] += plan.get_fill_time(), plan.get_alloc_time()

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def both(graph: ir.Graph, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """The trees of a graph: each node copied, none copied."""
    trees = []
    for enough in (0, NEVER):
        monkeypatch.setattr(patterns, "ENOUGH", enough)
        ir.write(folder / "n.t1c", graph)
        trees.append(tree(folder / "n.t1c"))
        assert compared(folder / "n.t1c").diagnostics == ()
        assert ir.read(folder / "n.t1c", unknown="keep").same_as(graph)
    return trees[0], trees[1]


@pytest.mark.parametrize("make", [many, kit.everything])
def test_the_tree_is_the_same(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied, written = both(make(), tmp_path, monkeypatch)
    assert copied == written


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=kept_graphs())
def test_the_tree_of_any_graph_is_the_same(graph: ir.Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied, written = both(graph, tmp_path_factory.mktemp("trees"), monkeypatch)
    assert copied == written


@pytest.mark.parametrize("scalar", [False, True])
def test_only_many_of_a_kind_are_copied(scalar: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scalars stand in the tree in another form, so that the published package computes the same."""
    names: list[bytes] = []

    def noted(group: Any, source: bytes, into: Any, name: bytes) -> None:
        names.append(name)
        copy(group, source, into, name)

    copy = h5o.copy
    monkeypatch.setattr(h5o, "copy", noted)
    few = {f"few{n}": ir.Affine(np.full((2, 2), n, "f4")) for n in range(patterns.ENOUGH)}
    large = {f"large{n}": ir.Affine(np.full((20, 20), n, "f4")) for n in range(2 * patterns.ENOUGH)}
    values = [np.float32(n) if scalar else np.full(3, n, "f4") for n in range(1, patterns.ENOUGH + 4)]
    lifs = {f"lif{n}": ir.LIF(tau=v, r=v, v_leak=v, v_threshold=v) for n, v in enumerate(values)}
    noted_twice = {
        f"said{n}": ir.ReLU(1, metadata={"long": "x" * 2000, "n": n % 2}) for n in range(2 * patterns.ENOUGH)
    }
    graph = ir.Graph({**few, **large, **lifs, **noted_twice}, [])
    ir.write(tmp_path / "n.t1c", graph)
    assert names == [f"lif{n}".encode() for n in range(patterns.ENOUGH, len(values))]
    assert compared(tmp_path / "n.t1c").diagnostics == ()
    assert ir.read(tmp_path / "n.t1c").same_as(graph)


def test_only_so_many_kinds_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those met first; what is of none of them is written as it always was."""
    names: list[bytes] = []
    copy = h5o.copy
    monkeypatch.setattr(h5o, "copy", lambda *a: (names.append(a[-1]), copy(*a)))
    monkeypatch.setattr(patterns, "MOST_KINDS", 2)
    sizes = [1, 2, 3] * (patterns.ENOUGH + 1)
    graph = ir.Graph({f"n{number}": ir.ReLU(size) for number, size in enumerate(sizes)}, [])
    ir.write(tmp_path / "n.t1c", graph)
    assert names == [b"n24", b"n25"]
    assert compared(tmp_path / "n.t1c").diagnostics == ()


def test_values_that_are_the_same_but_not_alike_are_kept_apart(tmp_path: Path) -> None:
    """1, 1.0 and True are equal in Python."""
    said = [1, 1.0, True, -0.0, 0.0] * (patterns.ENOUGH + 3)
    graph = ir.Graph({f"n{n}": ir.ReLU(1, metadata={"said": value}) for n, value in enumerate(said)}, [])
    ir.write(tmp_path / "n.t1c", graph)
    assert compared(tmp_path / "n.t1c").diagnostics == ()
    found = [node.metadata["said"] for node in ir.read(tmp_path / "n.t1c").nodes.values()]
    assert list(map(repr, found)) == list(map(repr, said))


def test_files_are_written_at_once_and_have_equal_bytes(tmp_path: Path) -> None:
    graph, paths = many(), [tmp_path / f"n{number}.t1c" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: ir.write(path, graph), paths))
    assert len({path.read_bytes() for path in paths}) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name for path in paths]
