"""Every file that the published package wrote is read, and every stored field is what its manifest says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.document import from_document
from talon.ir.values import thaw
from talon.storage.files import class_of
from talon.storage.hdf5.backend import Hdf5Backend

FOLDER = Path(__file__).parents[1] / "golden" / "talon-ir-0.0.2"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
NOT_STORED = {"type", "derived_input_type", "derived_output_type"}
EXTRAS = ("metadata", "quantization_config", "partition_metadata", "cyclic_config", "target_hardware")


def test_the_manifest_names_every_file() -> None:
    assert len(MANIFEST) == 54
    assert {path.stem for path in FOLDER.glob("*.t1c")} == set(MANIFEST)


def as_stored(path: Path) -> ir.Graph:
    """The graph before the meaning of the published package is spelled out."""
    return from_document(Hdf5Backend().read(path, True, None), class_of)


@pytest.mark.parametrize("name", MANIFEST)
def test_every_field_is_as_stored(name: str) -> None:
    graph, expected = as_stored(FOLDER / f"{name}.t1c"), MANIFEST[name]
    assert ir.read_version(FOLDER / f"{name}.t1c") == "0.0.1"
    assert ir.info(FOLDER / f"{name}.t1c").legacy
    compare_graph(graph, expected)
    assert graph.allow_cycles is expected["allow_cycles"]
    for extra in EXTRAS:
        assert_same(expected.get(extra), getattr(graph, extra) or None, extra)


def compare_graph(graph: ir.Graph, expected: Mapping[str, Any]) -> None:
    assert list(graph.nodes) == sorted(expected["nodes"])
    assert [list(edge) for edge in graph.edges] == expected["edges"]
    for name, stored in expected["nodes"].items():
        node = graph.nodes[name]
        assert type(node).__name__ == stored["type"]
        if isinstance(node, ir.Graph):
            compare_graph(node, stored)
            continue
        values = {node.fields[n].key: node.fields[n].plain(node.stored(n)) for n in node.fields}
        for field in stored.keys() - NOT_STORED:
            assert_same(stored[field], values[field], f"{name}.{field}")
        unsaid = {node.fields[n].key for n in node.given()} - stored.keys()
        assert not unsaid, f"{name}: {unsaid} were read, but are not stored"


def assert_same(expected: Any, value: Any, where: str) -> None:
    if hasattr(value, "load"):
        value = value.load()
    if isinstance(expected, dict) and "sha256_c_order_bytes" in expected:
        array = np.asarray(value)
        found = (array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest())
        assert found == (expected["dtype"], expected["shape"], expected["sha256_c_order_bytes"]), where
    elif isinstance(expected, dict):
        assert isinstance(value, Mapping), where
        assert value.keys() == expected.keys(), where
        for key in expected:
            assert_same(expected[key], value[key], f"{where}.{key}")
    else:
        plain = list(value) if isinstance(value, tuple) else thaw(value)
        assert plain == expected, where
        assert type(plain) is type(expected), where


@pytest.mark.parametrize("name", MANIFEST)
def test_what_was_read_survives_our_own_files(name: str, tmp_path: Path) -> None:
    graph = ir.read(FOLDER / f"{name}.t1c")
    ir.write(tmp_path / "again.t1c", graph)
    assert ir.read(tmp_path / "again.t1c").same_as(graph)
