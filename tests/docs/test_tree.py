"""Section 7 of docs/format.md is enough to read the tree: this reader follows it, and compares with the index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.values import same_value
from talon.storage.tagged import untagged
from talon.testing.everything import bit_patterns, everything
from tests.docs.test_read_t1c import odd, read
from tests.hostile import forged

TAGGED = ("dt", "types", "execution_schedule", "exact")
Fields = dict[str, Any]


def read_back(item: Any) -> Any:
    """7.2"""
    if isinstance(item, h5py.Group):
        found = {name: read_back(value) for name, value in item.items()}
        if found.keys() == {"src", "dst"} and all(isinstance(value, list) for value in found.values()):
            return [list(pair) for pair in zip(found["src"], found["dst"], strict=True)]
        return found
    if h5py.check_string_dtype(item.dtype) is not None:
        return item.asstr()[()] if item.shape == () else [text.decode() for text in item[()].tolist()]
    array = np.asarray(item[()])
    return array.item() if item.shape == () and array.dtype in (np.int64, np.float64, np.bool_) else array


def nodes_of(file: h5py.File) -> Iterator[tuple[str, str, Fields]]:
    """7.1 and 7.3: path, type and fields of every node, a graph before its nodes."""
    said = {name: json.loads(file["talon"][name].asstr()[()]) for name in ("arrays", "node_order", *TAGGED)}

    def walk(group: h5py.Group, path: str) -> Iterator[tuple[str, str, Fields]]:
        kind = group["type"].asstr()[()]
        if "quant" in group:
            assert kind.startswith("Quantized:")
            kind = kind.removeprefix("Quantized:")
        inside = ("nodes", "edges") if kind == "Graph" else ()
        fields = {name: read_back(group[name]) for name in group if name not in ("type", *inside)}
        for name in said["arrays"][kind]:
            # A field in parts is a group of them.
            whole, _, part = name.partition("/")
            if part and isinstance(fields.get(whole), dict):
                fields[name] = fields[whole][part]
        fields = {name: value for name, value in fields.items() if not any(n.startswith(f"{name}/") for n in fields)}
        fields |= {name: np.asarray(value) for name, value in fields.items() if name in said["arrays"][kind]}
        for dataset in TAGGED:
            fields |= {name: untagged(form) for name, form in said[dataset].get(path, {}).items()}
        yield path, kind, {name: value for name, value in fields.items() if value is not None}
        if kind == "Graph":
            assert sorted(said["node_order"][path]) == sorted(group["nodes"])
            for name in said["node_order"][path]:
                yield from walk(group["nodes"][name], f"{path}/{name}" if path else name)

    yield from walk(file["graph"], "")


def edges_of(file: h5py.File, path: str) -> list[tuple[str, str, str, int | None]]:
    names = [step for name in path.split("/") if path for step in ("nodes", name)]
    group = file["/".join(["graph", *names, "edges"])]
    src, dst = ([text.decode() for text in group[end][()].tolist()] for end in ("src", "dst"))
    delays = group["delay"][()].tolist() if "delay" in group else [-1] * len(src)
    return [(path, a, b, None if n < 0 else n) for a, b, n in zip(src, dst, delays, strict=True)]


def same_but_for_declared_types(tree: Any, index: Any) -> bool:
    """7.2: the tree has the value, and the declaration says whether it is a tuple."""
    if isinstance(index, tuple) and isinstance(tree, np.ndarray):
        return bool(tree.tolist() == list(index))
    return same_value(tree, index) or (isinstance(index, tuple) and isinstance(tree, list) and tree == list(index))


@pytest.mark.parametrize("make", [everything, bit_patterns, odd, forged.honest, lambda: ir.Graph({}, [])])
def test_the_tree_says_what_the_index_says(make: Callable[[], ir.Graph], tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", make())
    header, nodes, edges = read(tmp_path / "g.t1c")
    with h5py.File(tmp_path / "g.t1c") as file:
        assert file["talon/format"].asstr()[()] == header["format"]
        assert file["talon/writer"].asstr()[()] == header["writer"]
        providers = json.loads(file["talon/providers"].asstr()[()])
        found = list(nodes_of(file))
        assert [path for path, _, _ in found] == [node.path for node in nodes]
        for (path, kind, fields), node in zip(found, nodes, strict=True):
            expected: Mapping[str, Any] = {**node.attrs, **node.arrays}
            assert (kind, providers[kind]) == (node.type, [node.provider, node.version, node.schema])
            assert fields.keys() == {name for name, value in expected.items() if value is not None}
            for name, value in fields.items():
                assert same_but_for_declared_types(value, expected[name]), (path, name)
        levels = [path for path, kind, _ in found if kind == "Graph"]
        assert [edge for path in levels for edge in edges_of(file, path)] == edges
