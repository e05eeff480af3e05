"""What `info` tells of a file, from its document alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from talon.ir.document import Document, NodeRecord
from talon.ir.errors import Diagnostic, TalonError
from talon.ir.published import Meaning, Resolve, told
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
    """A file: format and writer, the nodes of all levels, the edges as `(level, src, dst, delay)`, and sizes."""

    path: str
    size: int
    format: str
    writer: str
    legacy: bool
    dt: float | None
    metadata: Mapping[str, Any]
    nodes: tuple[NodeInfo, ...]
    edges: tuple[tuple[str, str, str, int | None], ...]
    meanings: tuple[Meaning, ...] = ()
    """For a file of the published package: the fields that `read` sets for what that package executed."""
    refused: tuple[Diagnostic, ...] = ()
    """And what it executed there that cannot be said here, so that `read` refuses the file."""

    @property
    def types(self) -> dict[str, int]:
        """How many nodes of each type, the outermost graph apart."""
        return dict(sorted(Counter(node.type for node in self.nodes if node.path).items()))

    @property
    def providers(self) -> dict[str, str]:
        """Type -> distribution and version that wrote it, where the file says so."""
        return {node.type: node.provider for node in self.nodes if node.provider}

    @property
    def parameters(self) -> int:
        """Number of elements of all stored arrays, single numbers apart."""
        return sum(prod(array.shape) for node in self.nodes for array in node.arrays.values() if array.shape)

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
    return FileInfo(
        str(path),
        size,
        document.format,
        document.writer,
        document.legacy,
        document.dt,
        document.metadata,
        tuple(map(node_info, document.nodes)),
        tuple((e.level, e.src, e.dst, e.delay) for e in document.edges),
        meanings,
        tuple(error.at(file=str(path)).diagnostic for error in refused),
    )


def node_info(record: NodeRecord) -> NodeInfo:
    """A record without its values. A tree does not say which small arrays are attributes; the declaration does."""
    entry = registry.primitives().get(record.type)
    declared = {f.key: f for f in entry.load().fields.values()} if entry is not None and not entry.rivals else {}
    small = {n: a.load() for n, a in record.arrays.items() if n in declared and not declared[n].is_array}
    arrays = {n: ArrayInfo(str(a.dtype), a.shape, a.nbytes) for n, a in record.arrays.items() if n not in small}
    provider = f"{record.provider} {record.version}".strip()
    return NodeInfo(record.path, record.type, provider, {**record.attrs, **small}, arrays)
