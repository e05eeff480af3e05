"""examples/read_t1c.py, a reader made from docs/format.md alone, reads and refuses what talon does."""

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
from talon.ir.values import MAX_DEPTH, same_array, same_value
from talon.plugins import registry
from talon.storage.files import class_of
from talon.storage.index import opening, records
from talon.storage.index.layout import COLUMNS, Column
from talon.testing.everything import bit_patterns, everything
from talon.testing.graphs import graphs
from talon.testing.strategies import primitives, samples
from tests.hostile import forged
from tests.hostile.test_index import ATTACKS
from tests.storage.test_round_trip import VALUES

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
@given(value=VALUES)
def test_any_metadata_is_read(value: Any, tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", ir.Graph({}, [], metadata={"v": value}, quantization_config=value))
    same_as_talon(tmp_path / "g.t1c")


# What is damaged or forged


def talons_refusal(path: Path) -> str:
    """Why talon refuses the file, or nothing; whether types, fields and ports exist is not asked."""
    found = opening.indexed(path)
    if found is None:
        return "there is no footer"
    document = records.document(found.header, found.tables, found.source, False, None)
    levels = [record.path.count("/") + 2 for record in document.nodes if record.path and record.type == "Graph"]
    return "graphs are nested too deeply" if max(levels, default=0) > MAX_DEPTH else ""


OF_UNICODE = ("printed", "a word stands twice", "have the same name")
"""What a reader should refuse and need not, because it depends on the version of Unicode."""


def compare(content: bytes) -> bool:
    """The example reads what talon reads and refuses what talon refuses; returns whether it reads."""
    with forged.file_of(content) as path:
        try:
            refusal = talons_refusal(path)
        except ir.TalonFormatError as error:
            refusal = error.diagnostic.message
        try:
            read(path)
        except ValueError as error:
            said, reads = str(error), False
        else:
            said, reads = "", True
    assert reads or refusal, f"only the example refuses: {said}"
    assert not reads or not refusal or any(words in refusal for words in OF_UNICODE), f"only talon refuses: {refusal}"
    return reads


@pytest.mark.parametrize("forge", [attack[1] for attack in ATTACKS], ids=[attack[0] for attack in ATTACKS])
def test_every_attack_on_the_index_is_refused(forge: Callable[[], bytes]) -> None:
    compare(forge())


def test_attacks_are_refused_at_all() -> None:
    """That the comparison above is not one of readers that read everything."""
    reads = [name for name, forge, code, _ in ATTACKS if code in ("T303", "T305") and compare(forge())]
    assert reads == [
        "a name twice after NFC",
        "a name with a line break",
        "a name with a null",
        "a name that turns text around",
        "a word that cannot be printed",
        "a step length of text",
    ]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("lie", ["longer", "shorter", "zeros", "largest", "next", "reversed"])
def test_every_column_that_lies_is_refused_by_both_or_none(column: Column, lie: str) -> None:
    def change(c: forged.Columns) -> None:
        old = c[column.name]
        c[column.name] = {
            "longer": lambda: np.concatenate([old, old[-1:] if len(old) else np.zeros(1, old.dtype)]),
            "shorter": lambda: old[:-1],
            "zeros": lambda: np.zeros_like(old),
            "largest": lambda: np.full_like(old, np.iinfo(old.dtype).max),
            "next": lambda: old + old.dtype.type(1),
            "reversed": lambda: old[::-1].copy(),
        }[lie]()

    compare(forged.with_columns(change))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, len(forged.original()[1]) * 8 - 1), min_size=1, max_size=3))
def test_flipped_bits_of_an_index_with_a_right_hash_are_refused_by_both_or_none(bits: list[int]) -> None:
    index = bytearray(forged.original()[1])
    for bit in bits:
        index[bit // 8] ^= 1 << bit % 8
    compare(forged.with_footer(bytes(index)))


@pytest.mark.parametrize("byte", range(64))
def test_a_damaged_footer_is_refused(byte: int) -> None:
    content = bytearray(forged.with_footer(forged.original()[1]))
    content[len(content) - 64 + byte] ^= 1
    assert not compare(bytes(content))


def test_a_damaged_array_is_refused_and_the_rest_of_the_tree_is_not_read(tmp_path: Path) -> None:
    ir.write(tmp_path / "g.t1c", forged.honest())
    content = bytearray((tmp_path / "g.t1c").read_bytes())
    weight = read(tmp_path / "g.t1c")[1][2].arrays["weight"].tobytes()
    content[content.index(weight) + 5] ^= 1
    assert not compare(bytes(content))
    content[content.index(weight[6:]) - 1] ^= 1
    content[9] ^= 1
    assert compare(bytes(content))


def test_columns_of_a_newer_minor_are_passed_over() -> None:
    longer = 64

    def change(h: dict[str, Any]) -> None:
        h |= {"format": "1.9", "more": 1}
        for column in h["columns"]:
            column[2] += longer
        _, _, offset, count = h["columns"][-1]
        h["columns"].append(["node.colour", "<u4", offset + 8 * count, 0])

    length = int.from_bytes(forged.original()[1][:8], "little") + longer
    assert compare(forged.with_header(change, length=length))


@pytest.mark.parametrize("content", [b"", b"x", bytes(64), bytes(200)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError):
        read(tmp_path / "f")


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
