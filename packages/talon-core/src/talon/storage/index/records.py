"""Tables -> records: a whole document, or what `info` tells, whose nodes are made when somebody looks at them."""

from __future__ import annotations

import contextlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.document import Document, EdgeRecord, NodeRecord
from talon.storage.backend import Progress
from talon.storage.collector import uncollected
from talon.storage.index import layout
from talon.storage.index.arrays import StoredArray
from talon.storage.index.checking import Tables, Texts
from talon.storage.index.counting import parameters
from talon.storage.index.packing import Header
from talon.storage.source import Source
from talon.storage.summary import ArrayInfo, FileInfo, NodeInfo, told_of_graph

T = TypeVar("T")


class Rows(Sequence[T], Generic[T]):
    """A read-only sequence whose items are made when asked for."""

    def __init__(self, count: int, make: Callable[[int], T]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(map(self._make, range(self._count)[index]))
        return self._make(range(self._count)[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self._count} items>"


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def value_of(texts: Texts, kind: int, value: int) -> Any:
    """The value of an attribute, from its kind and content."""
    if kind == layout.TEXT:
        return texts.texts[value]
    if kind == layout.VALUE:
        return texts.values[value]
    if kind == layout.WHOLE:
        return value - (1 << 64) if value >> 63 else value
    if kind == layout.REAL:
        return struct.unpack("<d", value.to_bytes(8, "little"))[0]
    return bool(value) if kind == layout.TRUTH else None


def outermost_attributes(tables: Tables) -> dict[str, Any]:
    """The attributes of the first node, without looking at the others."""
    count = int(np.searchsorted(tables["attr.node"], 1))
    columns = [tables[f"attr.{name}"][:count].tolist() for name in ("name", "kind", "value")]
    texts = tables.texts
    return {texts.words[name]: value_of(texts, kind, value) for name, kind, value in zip(*columns, strict=True)}


class Records:
    """Makes records from tables. Columns become Python lists at once: numpy's single items cost ten times as much."""

    def __init__(self, tables: Tables, source: Source) -> None:
        self.tables, self.source = tables, source
        self.words, self.texts = tables.texts.words, tables.texts
        self.types = [
            (self.words[a], self.words[b], self.words[c], d)
            for a, b, c, d in zip(
                *(tables[f"type.{name}"].tolist() for name in ("name", "provider", "version", "schema")), strict=True
            )
        ]
        self.type = tables["node.type"].tolist()
        rows = np.arange(len(self.type) + 1)
        self.attrs = np.searchsorted(tables["attr.node"], rows).tolist()
        self.arrays = np.searchsorted(tables["array.node"], rows).tolist()
        self.kind, self.value = tables["attr.kind"].tolist(), tables["attr.value"].tolist()
        self.name, self.field = tables["attr.name"].tolist(), tables["array.field"].tolist()
        self.dtype = tables["array.dtype"].tolist()
        self.axes, self.lengths = tables.arrays.axes.tolist(), tables["axis.length"].tolist()

    def attributes(self, row: int) -> dict[str, Any]:
        rows = range(self.attrs[row], self.attrs[row + 1])
        return {self.words[self.name[i]]: value_of(self.texts, self.kind[i], self.value[i]) for i in rows}

    def stored(self, i: int) -> StoredArray:
        return StoredArray(self.tables, self.source, i, self.dtype[i], self.shape(i))

    def shape(self, i: int) -> tuple[int, ...]:
        return tuple(self.lengths[self.axes[i] : self.axes[i + 1]])

    def node(self, row: int, load: Callable[[int], ArrayRef] | None = None) -> NodeRecord:
        """One record. `load` gives the reference for a row of the table of arrays, if it is another than `stored`."""
        load = load or self.stored
        words, field = self.words, self.field
        arrays = {words[field[i]]: load(i) for i in range(self.arrays[row], self.arrays[row + 1])}
        kind, provider, version, schema = self.types[self.type[row]]
        return NodeRecord(self.tables.paths[row], kind, provider, version, schema, self.attributes(row), arrays)

    def edges(self) -> list[EdgeRecord]:
        tables, names, words = self.tables, self.tables.texts.names, self.words

        def ends(which: str) -> Iterator[str]:
            rows, ports = tables[f"edge.{which}"].tolist(), tables[f"edge.{which}_port"].tolist()
            return (
                f"{names[row]}:{words[port]}" if port else names[row] for row, port in zip(rows, ports, strict=True)
            )

        rows = tables["edge.level"].tolist()
        paths = {level: tables.path(level) for level in set(rows)}
        levels = (paths[level] for level in rows)
        delays = (None if delay < 0 else delay for delay in tables["edge.delay"].tolist())
        return list(map(EdgeRecord._make, zip(levels, ends("src"), ends("dst"), delays, strict=True)))


def document(header: Header, tables: Tables, source: Source, lazy: bool, progress: Progress | None) -> Document:
    """All records. With `lazy` arrays are references into the open file, else they are there, and proved."""
    nodes = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(uncollected())
        records, load = Records(tables, source), None
        if not lazy:
            from talon.storage.index.loading import loading

            load = stack.enter_context(loading(records))
        for row in range(len(records.type)):
            nodes.append(records.node(row, load))
            if progress is not None:
                progress(row + 1, len(records.type))
        return Document(header.format, header.writer, nodes, records.edges())


class Lazily:
    """Records, made at the first question that needs them."""

    def __init__(self, tables: Tables, source: Source) -> None:
        self._arguments = tables, source
        self._records: Records | None = None
        self._edges: list[EdgeRecord] | None = None

    @property
    def records(self) -> Records:
        if self._records is None:
            self._records = Records(*self._arguments)
        return self._records

    def node(self, row: int) -> NodeInfo:
        record = self.records.node(row)
        arrays = {n: ArrayInfo(str(a.dtype), a.shape, a.nbytes) for n, a in record.arrays.items()}
        return NodeInfo(record.path, record.type, f"{record.provider} {record.version}".strip(), record.attrs, arrays)

    def edge(self, row: int) -> EdgeRecord:
        if self._edges is None:
            self._edges = self.records.edges()
        return self._edges[row]


def info(path: str, size: int, header: Header, tables: Tables, source: Source) -> FileInfo:
    """What a file holds, from columns: nodes and edges become objects when they are looked at."""
    lazily = Lazily(tables, source)
    words = tables.texts.words
    counts = np.bincount(tables["node.type"][1:], minlength=len(tables["type.name"])).tolist()
    types: Counter[str] = Counter()
    providers: dict[str, str] = {}
    used = {*np.flatnonzero(counts).tolist(), int(tables["node.type"][0])}
    for row, (name, by, version) in enumerate(
        zip(*(tables[f"type.{column}"].tolist() for column in ("name", "provider", "version")), strict=True)
    ):
        types[words[name]] += counts[row]
        if row in used and (said := f"{words[by]} {words[version]}".strip()):
            providers[words[name]] = said
    dt, metadata = told_of_graph(outermost_attributes(tables))
    return FileInfo(
        path,
        size,
        header.format,
        header.writer,
        False,
        dt,
        metadata,
        Rows(len(tables["node.type"]), lazily.node),
        Rows(len(tables["edge.level"]), lazily.edge),
        types=dict(sorted((name, count) for name, count in types.items() if count)),
        providers=providers,
        parameters=parameters(tables),
    )
