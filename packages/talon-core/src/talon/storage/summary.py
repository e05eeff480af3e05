"""What `info` tells of a file, from its document alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from talon.ir.document import Document, NodeRecord
from talon.ir.errors import Diagnostic, TalonError, TalonFormatError
from talon.ir.grouped import is_parameter
from talon.ir.published import Meaning, Resolve, told
from talon.ir.quantized import scales_of
from talon.plugins import registry


@dataclass(frozen=True)
class ArrayInfo:
    """An array field: dtype, shape and size, without its values."""

    dtype: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class NodeInfo:
    """A node: its path (the outermost graph is `""`), type, provider, attributes and arrays."""

    path: str
    type: str
    provider: str
    attrs: Mapping[str, Any]
    arrays: Mapping[str, ArrayInfo]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True)
class FileInfo:
    """A file: format and writer, the nodes of all levels, the edges as `(level, src, dst, delay)`, and sizes.

    `nodes` and `edges` of a large file may be made only when they are looked at.
    """

    path: str
    size: int
    format: str
    writer: str
    legacy: bool
    dt: float | None
    metadata: Mapping[str, Any]
    nodes: Sequence[NodeInfo]
    edges: Sequence[tuple[str, str, str, int | None]]
    types: Mapping[str, int]
    """How many nodes of each type, the outermost graph apart."""
    providers: Mapping[str, str]
    """Type -> distribution and version that wrote it, where the file says so."""
    parameters: int
    """Number of elements of all stored arrays, single numbers apart, what only says where others belong, and scales."""
    meanings: tuple[Meaning, ...] = ()
    """For a file of the published package: the fields that `read` sets for what that package executed."""
    refused: tuple[Diagnostic, ...] = ()
    """And what it executed there that cannot be said here, so that `read` refuses the file."""

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in list(self.types.items())[:8])
        return (
            f"{self.path}: {self.writer or 'unknown writer'}, format {self.format}, {self.size:,} bytes\n"
            f"  {len(self.nodes) - 1} nodes ({kinds}), {len(self.edges)} edges, {self.parameters:,} parameters"
        )


def summarise(path: Path, document: Document, resolve: Resolve) -> FileInfo:
    refused: list[TalonError] = []
    meanings = tuple(told(document, resolve, refused)) if document.legacy else ()
    size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size
    dt, metadata = told_of_graph(document.nodes[0].attrs)
    nodes = tuple(map(node_info, document.nodes))
    return FileInfo(
        str(path),
        size,
        document.format,
        document.writer,
        document.legacy,
        dt,
        metadata,
        nodes,
        tuple((e.level, e.src, e.dst, e.delay) for e in document.edges),
        dict(sorted(Counter(node.type for node in nodes if node.path).items())),
        {node.type: node.provider for node in nodes if node.provider},
        sum(map(parameters, nodes)),
        meanings,
        tuple(error.at(file=str(path)).diagnostic for error in refused),
    )


def parameters(node: NodeInfo) -> int:
    """How many elements the parameters of a node have, single numbers apart."""
    scales = scales_of(node.attrs)
    return sum(prod(a.shape) for n, a in node.arrays.items() if a.shape and is_parameter(n) and n not in scales)


def told_of_graph(attrs: Mapping[str, Any]) -> tuple[float | None, Mapping[str, Any]]:
    """Step length and metadata of the outermost graph, of the types that they must have."""
    dt, metadata = attrs.get("dt"), attrs.get("metadata", {})
    if not isinstance(dt, float | int | None) or not isinstance(metadata, Mapping):
        raise TalonFormatError(
            "T303",
            "dt and metadata of the graph are of other types",
            expected="a number or None, and a mapping",
            found=f"{type(dt).__name__} and {type(metadata).__name__}",
            help="get an undamaged copy",
        )
    return dt, metadata


def node_info(record: NodeRecord) -> NodeInfo:
    """A record without its values. A tree does not say which small arrays are attributes; the declaration does."""
    entry = registry.primitives().get(record.type)
    declared = {f.key: f for f in entry.load().fields.values()} if entry is not None and not entry.rivals else {}
    small = {n: a.load() for n, a in record.arrays.items() if n in declared and not declared[n].is_array}
    arrays = {n: ArrayInfo(str(a.dtype), a.shape, a.nbytes) for n, a in record.arrays.items() if n not in small}
    provider = f"{record.provider} {record.version}".strip()
    return NodeInfo(record.path, record.type, provider, {**record.attrs, **small}, arrays)
