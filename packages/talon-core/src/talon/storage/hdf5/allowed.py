"""What an array of a tree may be: a plain type, stored once, as it is, inside the file."""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from h5py import h5d, h5s, h5t, h5z

from talon.storage.hdf5.limits import MOST_UNPACKED
from talon.storage.hdf5.refusal import refused
from talon.storage.index.layout import MOST_RANK
from talon.storage.source import OpenFile

Path = tuple[str, ...]

NUMBERS = (
    *(h5t.IEEE_F16LE, h5t.IEEE_F32LE, h5t.IEEE_F64LE),
    *(h5t.STD_I8LE, h5t.STD_I16LE, h5t.STD_I32LE, h5t.STD_I64LE),
    *(h5t.STD_U8LE, h5t.STD_U16LE, h5t.STD_U32LE, h5t.STD_U64LE),
    h5t.py_create(np.dtype(bool), logical=True),
)
"""The types of numbers. A big-endian, padded or otherwise laid out one is refused."""
FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF)
"""What a trusted file may be packed with, each once."""
TEXT = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
"""How a text of variable length is stored: where in which heap it is."""


class Datasets:
    """Looks at every array; remembers where each lies, for `finish` to find those that overlap."""

    def __init__(self, source: OpenFile, trusted: bool) -> None:
        self.source, self.size, self.trusted = source, source.stamp.size, trusted
        self.places: list[tuple[int, int, Path]] = []
        self.text = 0
        self.unpacked = 0

    def look_at(self, item: Any, path: Path) -> None:
        # The layout first: asking a virtual dataset for its shape may open other files.
        plan = item.get_create_plist()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL or plan.get_external_count():
            raise refused("its values are said to lie in another file", path)
        kind = item.get_type()
        varying = self.varying(kind, path)
        declared = self.declared(item, kind.get_size() if varying is None else TEXT.itemsize, path)
        if layout == h5d.CHUNKED and varying is None and self.trusted:
            return self.packed(plan, declared, path)
        if layout not in (h5d.COMPACT, h5d.CONTIGUOUS) or plan.get_nfilters():
            raise refused("chunks and filters are not read", path, "values stored as they are", help=REPACK)
        if item.get_storage_size() != declared:
            raise refused("its size is not what its shape says", path, f"{declared:,} bytes", item.get_storage_size())
        if layout == h5d.CONTIGUOUS and declared:
            offset = item.get_offset()
            if offset is None or not 0 < offset <= self.size - declared:
                raise refused("it does not lie inside the file", path, f"{self.size:,} bytes", f"offset {offset}")
            self.places.append((offset, offset + declared, path))
        elif varying and declared:
            raise refused("texts of variable length are not read from here", path)
        if varying and declared:
            self.check_texts(declared, path)
        return None

    def varying(self, kind: Any, path: Path) -> bool | None:
        """Whether its items are texts of variable length; None for numbers and texts of fixed length."""
        if isinstance(kind, h5t.TypeStringID):
            return True if kind.is_variable_str() else None
        if any(kind.equal(number) for number in NUMBERS):
            return None
        raise refused(
            "an array of a type that no field has", path, "little-endian numbers, booleans or texts", described(kind)
        )

    def declared(self, item: Any, itemsize: int, path: Path) -> int:
        """How many bytes type and shape say."""
        space = item.get_space()
        kind = space.get_simple_extent_type()
        if kind == h5s.SCALAR:
            return itemsize
        if kind != h5s.SIMPLE or space.get_simple_extent_ndims() > MOST_RANK:
            raise refused("it has no shape", path, f"up to {MOST_RANK} axes")
        return int(prod(space.get_simple_extent_dims()) * itemsize)

    def packed(self, plan: Any, declared: int, path: Path) -> None:
        """Chunks of a trusted file: known filters, each once, and not too much in all."""
        used = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
        if len(set(used)) < len(used) or not set(used) <= set(FILTERS):
            raise refused("a filter that is not known, or one twice", path, FILTERS, used)
        self.unpacked += declared
        if self.unpacked > MOST_UNPACKED:
            raise refused("too much when unpacked", path, f"at most {MOST_UNPACKED:,} bytes in all")

    def check_texts(self, declared: int, path: Path) -> None:
        """Texts in heaps: together no longer than the file, so that none stands for many."""
        offset = self.places[-1][0]
        data = self.source.bytes(offset, declared)
        if len(data) < declared:
            raise refused("the file ends early", path)
        texts = np.frombuffer(data, TEXT)
        if (texts["heap"][texts["length"] > 0] >= self.size).any():
            raise refused("a text does not lie inside the file", path)
        self.text += int(texts["length"].sum(dtype=np.uint64))
        if self.text > self.size:
            raise refused("texts are longer than the file", path, f"at most {self.size:,} bytes", f"{self.text:,}")

    def finish(self, headers: Mapping[int, Path]) -> None:
        """No two arrays share bytes, and no array covers the header of an object."""
        places = sorted(self.places)
        for (_, end, one), (start, _, other) in pairwise(places):
            if start < end:
                raise refused("two arrays share bytes", other, found=f"also in {'/'.join(one)[:200]!r}")
        starts = [start for start, _, _ in places]
        for address, path in headers.items():
            before = bisect_left(starts, address + 1) - 1
            if before >= 0 and address < places[before][1]:
                raise refused("an array covers another object", places[before][2], found=f"{'/'.join(path)[:200]!r}")


REPACK = "if you trust the file: ir.read(path, trusted=True), or h5repack -l CONTI -f NONE"


def described(kind: Any) -> str:
    """A type in words that cannot fail."""
    try:
        return str(kind.dtype)[:80]
    except (TypeError, ValueError, OverflowError):
        return type(kind).__name__
