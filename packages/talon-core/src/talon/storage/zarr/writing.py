"""Document -> keys of a store, in ascending order; the root comes last, so that what is incomplete is no store."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.document import Document
from talon.storage.backend import Progress
from talon.storage.collector import uncollected
from talon.storage.index.building import Placed, columns_of
from talon.storage.index.layout import ALIGNMENT, INLINE, aligned
from talon.storage.zarr import layout
from talon.storage.zarr.crc32c import crc32c

Piece = bytes | memoryview


class Sink(Protocol):
    """Where keys are put, each once, in ascending order."""

    def put(self, key: str, parts: Iterable[Piece], size: int, crc32: int | None = None) -> None:
        """Put the parts under a key, `size` bytes in all, of which the zlib crc32 may be known already."""
        ...


Row = tuple[int, str, ArrayRef]
"""An array of the document: the number of its record, its field, its values."""


def write_document(document: Document, sink: Sink, progress: Progress | None) -> None:
    """Put a whole document into a sink. `progress` counts nodes, in proportion to the bytes that are written."""
    _Writer(document, sink, progress).write()


class _Writer:
    def __init__(self, document: Document, sink: Sink, progress: Progress | None) -> None:
        self.document, self.sink, self.progress = document, sink, progress
        with uncollected():
            self.rows = [
                (number, field, ref)
                for number, record in enumerate(document.nodes)
                for field, ref in record.arrays.items()
            ]
        self.nbytes = np.array([ref.nbytes for _, _, ref in self.rows], np.int64)
        self.places = layout.places(self.nbytes).tolist()
        self.placed: dict[tuple[int, str], Placed] = {}
        self.total, self.done = int(self.nbytes.sum()), 0

    def write(self) -> None:
        own = np.flatnonzero(self.nbytes >= layout.OWN).tolist()
        with ThreadPoolExecutor(1) as beside:
            # The checksums of an array are made while the one before it is written.
            waiting: tuple[int, np.ndarray, Future[Sums]] | None = None
            for row in sorted(own, key=lambda row: f"{self.places[row]}/"):
                data = content(self.rows[row][2])
                following = row, data, beside.submit(sums, data)
                if waiting is not None:
                    self.own(*waiting)
                waiting = following
            if waiting is not None:
                self.own(*waiting)
        pooled = np.flatnonzero((self.nbytes > INLINE) & (self.nbytes < layout.OWN)).tolist()
        pool = f"{layout.ARRAYS}/{layout.POOL}"
        self.array(pool, np.dtype(np.uint8), layout.pool_size(self.nbytes), self.pooled(pooled))
        self.metadata(layout.ARRAYS, layout.group_metadata())
        document = self.document
        columns = columns_of(document, self.placed)
        for name in sorted(columns, key=lambda name: f"{name}/"):
            column = columns[name]
            self.array(f"{layout.COLUMNS}/{name}", column.dtype, len(column), [column.view(np.uint8)])
        self.metadata(layout.COLUMNS, layout.group_metadata())
        said = layout.mark(document.format, document.writer, columns)
        self.metadata("", layout.group_metadata({layout.MARK: said}))
        if self.progress is not None:
            self.progress(len(document.nodes), len(document.nodes))

    def own(self, which: int, data: np.ndarray, summed: Future[Sums]) -> None:
        """An array of its own."""
        row, place = self.rows[which], self.places[which]
        number, field, ref = row
        path, dtype, shape = f"{layout.ARRAYS}/{place}", ref.dtype.newbyteorder("<"), ref.shape
        found = summed.result()
        check = trailer(found.crc32c)
        crc32 = self.note(row, place, data.nbytes, found.crc32)
        size = data.nbytes + len(check)
        self.sink.put(layout.chunk_key(path, len(shape)), [data.data, check], size, zlib.crc32(check, crc32))
        self.metadata(path, layout.own_metadata(dtype, shape, f"{self.document.nodes[number].path}.{field}"))

    def pooled(self, rows: list[int]) -> Iterator[np.ndarray]:
        """The parts of the pool, in the order of their places."""
        for row in rows:
            data = content(self.rows[row][2])
            self.note(self.rows[row], self.places[row], data.nbytes, zlib.crc32(data.data))
            yield data
            yield np.zeros(aligned(data.nbytes, ALIGNMENT) - data.nbytes, np.uint8)

    def note(self, row: Row, place: int, nbytes: int, crc32: int) -> int:
        number, field, _ = row
        self.placed[number, field] = Placed(place, crc32)
        self.done += nbytes
        if self.progress is not None:
            nodes = len(self.document.nodes)
            self.progress(nodes * self.done // (self.total + 1), nodes)
        return crc32

    def array(self, path: str, dtype: np.dtype[Any], length: int, parts: Iterable[np.ndarray]) -> None:
        """An array of one axis, from its bytes; one without elements has no chunk."""
        if length:
            size = length * dtype.itemsize + layout.CHECK.itemsize
            self.sink.put(layout.chunk_key(path, 1), checked(parts), size)
        self.metadata(path, layout.array_metadata(dtype, (length,)))

    def metadata(self, path: str, said: layout.Json) -> None:
        data = layout.encoded(said)
        self.sink.put(layout.metadata_key(path), [data], len(data))


class Sums(NamedTuple):
    """Both checksums of an array: of the index, and of zarr."""

    crc32: int
    crc32c: int


def sums(data: np.ndarray) -> Sums:
    return Sums(zlib.crc32(data.data), crc32c(data))


def content(ref: ArrayRef) -> np.ndarray:
    """The bytes of an array as they are stored."""
    return np.ascontiguousarray(ref.load(), ref.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)


def checked(parts: Iterable[np.ndarray]) -> Iterator[Piece]:
    """The parts, and behind them the crc32c of them all."""
    check = 0
    for part in parts:
        check = crc32c(part, check)
        yield part.data
    yield trailer(check)


def trailer(check: int) -> bytes:
    return check.to_bytes(layout.CHECK.itemsize, "little")
