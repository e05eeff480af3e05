"""Arrays of a file that stays open: views of the index, read pieces, and maps, each checked when first touched."""

from __future__ import annotations

import sys
import zlib

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonFormatError
from talon.ir.values import read_only
from talon.storage.index.checking import Tables
from talon.storage.index.layout import BOOL, DTYPES
from talon.storage.source import Source

NATIVE = sys.byteorder == "little"
MAPPED = 1 << 16
"""Larger arrays are mapped; for smaller ones a map costs more than reading."""


class StoredArray(ArrayRef):
    """A row of the table of arrays; loading it proves its crc32."""

    __slots__ = ("row", "source", "tables")

    def __init__(self, tables: Tables, source: Source, row: int, dtype: int, shape: tuple[int, ...]) -> None:
        self.dtype = DTYPES[dtype]
        self.shape = shape
        self.tables, self.source, self.row = tables, source, row

    @property
    def file(self) -> str:
        return self.source.path

    def load(self) -> np.ndarray:
        """The values: a view of the index, a piece of the file, or above 64 KiB a map of it."""
        return self._proved(lazy=True)

    def detached(self) -> np.ndarray:
        """The values in memory of their own: they no longer need the file."""
        return self._proved(lazy=False)

    def _proved(self, lazy: bool) -> np.ndarray:
        tables, row = self.tables, self.row
        inside = tables.arrays.inside.item(row)
        if inside >= 0:
            array = np.ndarray(self.shape, self.dtype, tables["data.byte"], inside)
            found = zlib.crc32(array.data)
        else:
            wanted = tables["array.place"].item(row), self.dtype, self.shape, self.where()
            if lazy and self.nbytes > MAPPED:
                array = self.source.map(*wanted)
                found = zlib.crc32(array.data)
            else:
                array, found = self.source.summed(*wanted)
        expected = tables["array.crc32"].item(row)
        if found != expected:
            raise self.differs(f"crc32 {expected:08x}", f"crc32 {found:08x}")
        # numpy takes any byte for a bool and then computes with it as it stands.
        if self.dtype == DTYPES[BOOL] and array.size and (most := array.view(np.uint8).max()) > 1:
            raise self.differs("bytes 0 and 1", f"byte {most}")
        # The index cannot be written to, and neither can what looks at it.
        return array if inside >= 0 and NATIVE else read_only(array)

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
