"""Arrays of a file that stays open: views of the index, read pieces, and maps, each checked when first touched."""

from __future__ import annotations

import mmap
import os
import threading
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonFormatError
from talon.ir.values import read_only
from talon.storage.index.checking import Tables
from talon.storage.index.layout import BOOL, DTYPES

MAPPED = 1 << 16
"""Larger arrays are mapped; for smaller ones a map costs more than reading."""


class OpenFile:
    """A file that references read from, closed when the last of them is gone. A file that is replaced meanwhile
    stays readable; one that is changed in place is refused."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.file = path.open("rb", buffering=0)
        weakref.finalize(self, self.file.close)
        self.lock = threading.Lock()
        self.stamp = self.now()

    def now(self) -> tuple[int, int]:
        found = os.fstat(self.file.fileno())
        return found.st_size, found.st_mtime_ns

    def fetch(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """An array of its own with the bytes at an offset."""
        array = np.empty(shape, dtype)
        into = array.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(into) and (count := self.read(offset + done, into[done:])):
            done += count
        if done < len(into):
            raise self.changed(where)
        self.unchanged(where)
        return array

    def read(self, offset: int, into: memoryview) -> int:
        """Read some bytes into a buffer; gives how many. Processes that were forked from this one share the position
        in the file, and a lock as it was then: where the system can, neither is used."""
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [into], offset)
        with self.lock:
            self.file.seek(offset)
            return self.file.readinto(into)

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """A read-only view of the bytes at an offset, which are fetched as they are touched."""
        # Before the map is touched: beyond the end of a file that has become shorter it would kill the process.
        self.unchanged(where)
        before = offset % mmap.ALLOCATIONGRANULARITY
        size = int(np.prod(shape)) * dtype.itemsize
        try:
            view = mmap.mmap(self.file.fileno(), before + size, access=mmap.ACCESS_READ, offset=offset - before)
        except (OSError, ValueError):
            raise self.changed(where) from None
        return np.frombuffer(view, np.uint8, size, before).view(dtype).reshape(shape)

    def unchanged(self, where: str) -> None:
        if self.now() != self.stamp:
            raise self.changed(where)

    def changed(self, where: str) -> TalonFormatError:
        return TalonFormatError(
            "T305",
            "the file was changed after it was opened",
            file=self.path,
            node=where,
            expected=f"{self.stamp[0]} bytes, unchanged",
            found=f"{self.now()[0]} bytes",
            help="read it again, or use graph.load() before the file may change",
        )


class StoredArray(ArrayRef):
    """A row of the table of arrays; loading it proves its crc32."""

    __slots__ = ("row", "source", "tables")

    def __init__(self, tables: Tables, source: OpenFile, row: int, dtype: int, shape: tuple[int, ...]) -> None:
        self.dtype = DTYPES[dtype]
        self.shape = shape
        self.tables, self.source, self.row = tables, source, row

    def load(self) -> np.ndarray:
        """The values: a view of the index, a piece of the file, or above 64 KiB a map of it."""
        return self._proved(lazy=True)

    def detached(self) -> np.ndarray:
        """The values in memory of their own: they no longer need the file."""
        return self._proved(lazy=False)

    def _proved(self, lazy: bool) -> np.ndarray:
        tables, row = self.tables, self.row
        inside = int(tables.arrays.inside[row])
        if inside >= 0:
            count = int(tables.arrays.sizes[row])
            data = tables["data.byte"]
            array = data[inside : inside + count * self.dtype.itemsize].view(self.dtype).reshape(self.shape)
        else:
            get = self.source.map if lazy and self.nbytes > MAPPED else self.source.fetch
            array = get(int(tables["array.place"][row]), self.dtype, self.shape, self.where())
        content = array.reshape(-1).view(np.uint8)
        found, expected = zlib.crc32(content.data), int(tables["array.crc32"][row])
        if found != expected:
            raise self.differs(f"crc32 {expected:08x}", f"crc32 {found:08x}")
        # numpy takes any byte for a bool and then computes with it as it stands.
        if self.dtype == DTYPES[BOOL] and content.size and content.max() > 1:
            raise self.differs("bytes 0 and 1", f"byte {content.max()}")
        return read_only(array)

    def where(self) -> str:
        return f"{self.node()}.{self.field()}"

    def node(self) -> str:
        return self.tables.path(int(self.tables["array.node"][self.row]))

    def field(self) -> str:
        return self.tables.texts.words[int(self.tables["array.field"][self.row])]

    def differs(self, expected: str, found: str) -> TalonFormatError:
        return TalonFormatError(
            "T305",
            f"the array {self.field()!r} is not what was written",
            file=self.source.path,
            node=self.node() or None,
            expected=expected,
            found=found,
            help="get an undamaged copy of the file",
        )
