"""examples/read_t1c.py, a reader made from docs/format.md alone, reads what talon writes, value for value."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import ir
from talon.ir.arrays import ArrayRef
from talon.ir.document import Document, EdgeRecord, NodeRecord, from_document, to_document
from talon.ir.values import same_array, same_value
from talon.plugins import registry
from talon.storage.files import class_of
from talon.testing.everything import bit_patterns, everything
from talon.testing.graphs import graphs
from talon.testing.kept import notes
from talon.testing.strategies import primitives, samples
from tests.hostile import forged

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "read_t1c.py"
PUBLISHED = sorted((ROOT / "tests" / "golden" / "talon-ir-0.0.2").glob("*.t1c"))


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("read_t1c", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


read = loaded().read


def same_as_talon(path: Path) -> ir.Graph:
    """Every value that the reader gives is the one that talon reads; returns the graph made of the reader's."""
    header, nodes, edges = read(path)
    graph = ir.read(path)
    expected = to_document(graph, registry.provider, header["writer"])
    assert header["format"] == ir.read_version(path)
    assert header["writer"] == ir.info(path).writer
    assert edges == [tuple(edge) for edge in expected.edges]
    assert [node.path for node in nodes] == [record.path for record in expected.nodes]
    for node, record in zip(nodes, expected.nodes, strict=True):
        assert node[:5] == (record.path, record.type, record.provider, record.version, record.schema)
        assert node.attrs.keys() == record.attrs.keys()
        for name, value in record.attrs.items():
            assert same_value(node.attrs[name], value), (node.path, name)
        assert node.arrays.keys() == record.arrays.keys()
        for name, array in record.arrays.items():
            assert same_array(node.arrays[name], array.load()), (node.path, name)
            assert not node.arrays[name].flags.writeable
    records = [NodeRecord(*node[:6], {k: ArrayRef.of(a) for k, a in node.arrays.items()}) for node in nodes]
    document = Document(header["format"], header["writer"], records, [EdgeRecord(*edge) for edge in edges])
    rebuilt = from_document(document, class_of)
    assert rebuilt.same_as(graph)
    return rebuilt


def odd() -> ir.Graph:
    """Values at the borders of what forms there are."""
    metadata = {
        "decimal": (1 << 4096) - 1,
        "hexadecimal": -(1 << 5000),
        "int64": [-(1 << 63), (1 << 63) - 1, 1 << 63],
        "payload": np.array([0x7FF800000000BEEF], "<u8").view("<f8"),
        "long": ["x" * 300, "x" * 300],
        "surrogate": "\udfff",
    }
    return ir.Graph({"a": ir.Input([1], metadata=metadata)}, [], metadata=dict(metadata) | {"again": metadata})


@pytest.mark.parametrize("make", [everything, bit_patterns, odd, forged.honest, lambda: ir.Graph({}, [])], ids=range(5))
def test_what_talon_writes_is_read(make: Callable[[], ir.Graph], tmp_path: Path) -> None:
    graph = make()
    ir.write(tmp_path / "g.t1c", graph)
    assert same_as_talon(tmp_path / "g.t1c").same_as(graph)


def test_the_demo_is_read() -> None:
    assert len(same_as_talon(ROOT / "packages/talon-core/src/talon/cli/data/digits.t1c").nodes) == 6


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_files_without_a_footer_are_refused_and_read_once_converted(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no footer"):
        read(path)
    graph = ir.read(path)
    ir.write(tmp_path / "g.t1c", graph)
    assert same_as_talon(tmp_path / "g.t1c").same_as(graph)


ALLOWED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ALLOWED
@given(graph=graphs())
def test_random_graphs_are_read(graph: ir.Graph, tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", graph)
    assert same_as_talon(tmp_path / "g.t1c").same_as(graph)


@settings(ALLOWED, max_examples=4)
@pytest.mark.parametrize("cls", primitives().values(), ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_every_primitive_is_read(cls: type[ir.Node], data: st.DataObject, tmp_path: Path) -> None:
    graph = ir.Graph({"node": data.draw(samples(cls)).node}, [])
    ir.write(tmp_path / "g.t1c", graph)
    assert same_as_talon(tmp_path / "g.t1c").same_as(graph)


@ALLOWED
@given(value=notes())
def test_any_metadata_is_read(value: Any, tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", ir.Graph({}, [], metadata={"v": value}, quantization_config=value))
    same_as_talon(tmp_path / "g.t1c")


# The script itself


def test_it_is_short_and_shares_no_code() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"numpy"}


def test_it_prints_a_summary(tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", forged.honest())
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "g.t1c"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "format 1.0" in done.stdout
    assert "12 nodes, 7 edges" in done.stdout
    assert "sub/lif: LIF" in done.stdout
