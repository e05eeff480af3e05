"""The last 64 bytes of a file: where its index stands, and the hash that proves it."""

from __future__ import annotations

import hashlib
import struct
from typing import BinaryIO, NamedTuple

from talon.ir.errors import TalonFormatError
from talon.storage.index.layout import MOST_INDEX_BYTES, aligned

MAGIC = b"TALONIX\x01"
_FORM = struct.Struct("<8sQQQ32s")
LENGTH = _FORM.size
FIRST = 48
"""Bytes of the HDF5 superblock: nothing of ours stands before."""
BEGINS = 64
"""The index begins at a multiple of this."""


class Footer(NamedTuple):
    offset: int
    length: int
    file_length: int
    sha256: bytes


def append(file: BinaryIO, index: bytes) -> None:
    """Put an index and its footer behind what the file holds."""
    end = file.seek(0, 2)
    offset = aligned(end, BEGINS)
    footer = Footer(offset, len(index), offset + len(index) + LENGTH, hashlib.sha256(index).digest())
    file.write(bytes(offset - end) + index + _FORM.pack(MAGIC, *footer))


def find(file: BinaryIO) -> Footer | None:
    """The footer of a file, or None where the file ends in something else. Raises where it cannot be true (T303)."""
    size = file.seek(0, 2)
    if size < LENGTH:
        return None
    file.seek(size - LENGTH)
    last = file.read(LENGTH)
    if len(last) < LENGTH or not last.startswith(MAGIC):
        return None
    footer = Footer(*_FORM.unpack(last)[1:])
    if footer.file_length != size:
        raise wrong("the file length in it", size, footer.file_length)
    if footer.length > MOST_INDEX_BYTES:
        raise wrong("the index length in it", f"at most {MOST_INDEX_BYTES}", footer.length)
    if footer.offset < FIRST or footer.offset % BEGINS or footer.offset + footer.length + LENGTH != size:
        raise wrong(
            "the place of the index in it",
            f"a multiple of {BEGINS}, so that the index ends at {size - LENGTH}",
            f"{footer.length} bytes at {footer.offset}",
        )
    return footer


def index_bytes(file: BinaryIO, footer: Footer) -> bytes:
    """The index that a footer tells of, proved by its hash."""
    file.seek(footer.offset)
    index = file.read(footer.length)
    found = hashlib.sha256(index).digest()
    if found != footer.sha256:
        raise TalonFormatError(
            "T303",
            "the index is not the one that the footer of the file tells of",
            expected=f"sha256 {footer.sha256.hex()[:16]}...",
            found=f"sha256 {found.hex()[:16]}...",
            help="get an undamaged copy",
        )
    return index


def wrong(what: str, expected: object, found: object) -> TalonFormatError:
    return TalonFormatError(
        "T303",
        f"the footer of the file is wrong: {what}",
        expected=expected,
        found=found,
        help="get an undamaged copy; a program that changes a file must remove all behind the end of HDF5",
    )
