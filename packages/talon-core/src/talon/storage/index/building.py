"""Document -> columns. Where large arrays stand is told by whoever put them there."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from talon.ir.document import Document
from talon.ir.errors import TalonError, TalonFileError, TalonFormatError
from talon.storage.collector import uncollected
from talon.storage.index import layout
from talon.storage.index.checking import DAMAGED, checked
from talon.storage.index.layout import ALIGNMENT, COLUMNS, DTYPES, aligned
from talon.storage.tagged import tagged

INT64 = range(-(1 << 63), 1 << 63)


class Placed(NamedTuple):
    """An array that stands outside the index: its offset, and the crc32 of its bytes there."""

    place: int
    crc32: int


INSIDE = Placed(0, 0)
"""Of an array in the index, whose crc32 is yet to be found."""


class Interned(dict[str, int]):
    """The numbers of texts, in the order of their first use."""

    def __init__(self, *first: str) -> None:
        self.data: list[bytes] = []
        self |= {text: self.add(text) for text in first}

    def __missing__(self, text: str) -> int:
        found = self[text] = self.add(text)
        return found

    def add(self, text: str) -> int:
        """A text of its own, however often there is an equal one."""
        self.data.append(text.encode())
        return len(self.data) - 1


class _Builder:
    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[int, ...]]] = {t: [] for t in ("type", "node", "attr", "array", "edge")}
        """Rows with the columns of each table in the order of the layout, heaps apart."""
        self.lengths: list[int] = []
        self.heaps: dict[str, tuple[list[int], bytes]] = {}
        self.words, self.texts = Interned(""), Interned()
        self.types: dict[tuple[str, str, str, int], int] = {}
        self.rows: dict[str, int] = {}
        self.inside: list[bytes] = []

    def add(self, document: Document, placed: Mapping[tuple[int, str], Placed]) -> None:
        names = []
        types, nodes, attrs, arrays, edges = self.tables.values()
        dtypes: dict[np.dtype[Any], int] = {}
        words = self.words
        for number, record in enumerate(document.nodes):
            parent, _, name = record.path.rpartition("/")
            names.append(name.encode())
            kind = (record.type, record.provider, record.version, record.schema)
            if kind not in self.types:
                self.types[kind] = len(self.types)
                types.append((*map(words.__getitem__, kind[:3]), record.schema))
            nodes.append((self.rows[parent] if record.path else 0, self.types[kind]))
            self.rows[record.path] = number
            for key, value in record.attrs.items():
                attrs.append((number, words[key], *self.value(value)))
            for key, ref in record.arrays.items():
                dtype = dtypes.get(ref.dtype)
                if dtype is None:
                    dtype = dtypes[ref.dtype] = DTYPES.index(ref.dtype.newbyteorder("<"))
                place, crc32 = placed.get((number, key), INSIDE) if placed else INSIDE
                if not place:
                    data = np.asarray(ref.load(), DTYPES[dtype]).tobytes()
                    self.inside.append(data.ljust(aligned(len(data)), b"\0") if len(data) % ALIGNMENT else data)
                    crc32 = zlib.crc32(data)
                arrays.append((number, words[key], dtype, len(ref.shape), crc32, place))
                self.lengths += ref.shape
        self.heap("node.name", names)
        for level, src, dst, delay in sorted(document.edges, key=lambda edge: self.rows[edge.level]):
            (src_row, src_port), (dst_row, dst_port) = self.end(level, src), self.end(level, dst)
            stated = -1 if delay is None else delay
            edges.append((self.rows[level], src_row, src_port, dst_row, dst_port, stated))
        self.heap("word.end", self.words.data)
        self.heap("text.end", self.texts.data)

    def end(self, level: str, endpoint: str) -> tuple[int, int]:
        name, _, port = endpoint.partition(":")
        return self.rows[f"{level}/{name}" if level else name], self.words[port]

    def heap(self, name: str, parts: list[bytes]) -> None:
        self.heaps[name] = np.cumsum([len(part) for part in parts], dtype=np.int64).tolist(), b"".join(parts)

    def value(self, value: Any) -> tuple[int, int]:
        """Kind and content of an attribute."""
        if value is None:
            return layout.NONE, 0
        kind = type(value)
        if kind is bool:
            return layout.TRUTH, int(value)
        if kind is int and value in INT64:
            return layout.WHOLE, value & ((1 << 64) - 1)
        if kind is float:
            return layout.REAL, int.from_bytes(struct.pack("<d", value), "little")
        if isinstance(value, str) and encodable(value):
            return layout.TEXT, self.texts[value]
        text = json.dumps(tagged(value), allow_nan=False, separators=(",", ":"))
        shared = len(text) <= layout.LONGEST_SHARED
        return layout.VALUE, self.texts[text] if shared else self.texts.add(text)

    def columns(self) -> dict[str, np.ndarray]:
        found: dict[str, Any] = {
            "axis.length": self.lengths,
            "data.byte": np.frombuffer(b"".join(self.inside), np.uint8),
        }
        for column in COLUMNS:
            if column.ends is not None:
                found[column.name], data = self.heaps[column.name]
                found[f"{column.ends}.byte"] = np.frombuffer(data, np.uint8)
        for table, rows in self.tables.items():
            names = [column.name for column in COLUMNS if column.table == table and column.ends is None]
            found |= {name: list(map(itemgetter(place), rows)) for place, name in enumerate(names)}
        return {column.name: np.array(found[column.name], column.dtype) for column in COLUMNS}


def columns_of(document: Document, placed: Mapping[tuple[int, str], Placed]) -> dict[str, np.ndarray]:
    """The columns of a document. `placed`: by number of the record and name of the field, the arrays that stand
    elsewhere; all others go into the index.

    They are checked as a reader will: what cannot be read is not written (T309).
    """
    builder = _Builder()
    try:
        with uncollected():
            builder.add(document, placed)
        columns = builder.columns()
    except TalonError:
        raise  # of an array that could not be loaded
    except (LookupError, ValueError, OverflowError) as error:
        raise unstorable(f"{type(error).__name__}: {error}") from error
    try:
        checked(columns)
    except TalonFormatError as error:
        said = error.diagnostic
        what = said.message.removeprefix(DAMAGED)
        raise unstorable(f"{what}: {said.found}" if said.found else what, said.node, said.expected) from error
    return columns


def unstorable(found: str, node: str | None = None, expected: str | None = None) -> TalonFileError:
    return TalonFileError(
        "T309",
        "the graph holds something that no file can",
        node=node,
        expected=expected,
        found=found,
        help="give it an ordinary name, or keep it elsewhere",
    )


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
