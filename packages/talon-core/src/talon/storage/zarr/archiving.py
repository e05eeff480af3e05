"""Writing a zip archive of stored files: the same keys and content give the same bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from talon.storage.index.layout import aligned
from talon.storage.zarr import records
from talon.storage.zarr.records import CENTRAL, END, LOCAL, LOCATOR, NARROW, WIDE, WIDE_END

ALIGNMENT = 64
"""Content begins at multiples of this, so that it can be mapped."""
_NEEDS = 45  # a reader of zip64, which is only used where sizes take it
_TIME, _DATE = 0, 0x21  # 1 January 1980, where zip's calendar begins
_MODE = 0o100644 << 16


class ArchiveSink:
    """A new zip archive. Keys must come in ascending order."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO = path.open("xb")
        self.directory: list[bytes] = []
        self.last = ""

    def __enter__(self) -> ArchiveSink:
        return self

    def __exit__(self, kind: object, *raised: object) -> None:
        with self.file:
            if kind is None:
                self.finish()

    def put(self, key: str, parts: Iterable[bytes | memoryview], size: int, crc32: int | None = None) -> None:
        assert key > self.last, f"{key} comes after {self.last}"
        self.last, name, offset = key, key.encode(), self.file.tell()
        wide = records.field(records.WIDE_FIELD, size.to_bytes(8, "little") * 2) if size >= WIDE else b""
        content = aligned(offset + LOCAL.size + len(name) + len(wide) + 4, ALIGNMENT)
        padding = bytes(content - offset - LOCAL.size - len(name) - len(wide) - 4)
        extra = wide + records.field(records.PADDING_FIELD, padding)
        self.file.seek(content)
        written, found = 0, 0
        for part in parts:
            written += self.file.write(part)
            if crc32 is None:
                found = zlib.crc32(part, found)
        assert written == size, f"{key}: {written} bytes of {size}"
        crc32 = found if crc32 is None else crc32
        end, said = self.file.tell(), min(size, WIDE)
        common = (_NEEDS, 0, 0, _TIME, _DATE, crc32, said, said, len(name))
        self.file.seek(offset)
        self.file.write(LOCAL.pack(records.LOCAL_SIGNATURE, *common, len(extra)) + name + extra)
        self.file.seek(end)
        where = b""
        if size >= WIDE or offset >= WIDE:
            values = [size, size] * (size >= WIDE) + [offset] * (offset >= WIDE)
            where = records.field(records.WIDE_FIELD, b"".join(v.to_bytes(8, "little") for v in values))
        made_by = 3 << 8 | _NEEDS
        tail = (len(where), 0, 0, 0, _MODE, min(offset, WIDE))
        self.directory.append(CENTRAL.pack(records.CENTRAL_SIGNATURE, made_by, *common, *tail) + name + where)

    def finish(self) -> None:
        """Write the directory."""
        start, count, directory = self.file.tell(), len(self.directory), b"".join(self.directory)
        self.file.write(directory)
        size = len(directory)
        if count >= NARROW or size >= WIDE or start >= WIDE:
            place = self.file.tell()
            made_by = 3 << 8 | _NEEDS
            self.file.write(
                WIDE_END.pack(
                    records.WIDE_END_SIGNATURE, WIDE_END.size - 12, made_by, _NEEDS, 0, 0, count, count, size, start
                )
                + LOCATOR.pack(records.LOCATOR_SIGNATURE, 0, place, 1)
            )
        few = min(count, NARROW)
        self.file.write(END.pack(records.END_SIGNATURE, 0, 0, few, few, min(size, WIDE), min(start, WIDE), 0))
