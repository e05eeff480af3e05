"""The records of a zip archive, as far as archives of stored files have them."""

from __future__ import annotations

import struct
from typing import NamedTuple

NARROW, WIDE = (1 << 16) - 1, (1 << 32) - 1
"""Values that say: the true one stands in a wider record."""

LOCAL_SIGNATURE, CENTRAL_SIGNATURE, END_SIGNATURE = b"PK\3\4", b"PK\1\2", b"PK\5\6"
LOCATOR_SIGNATURE, WIDE_END_SIGNATURE = b"PK\6\7", b"PK\6\6"

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
WIDE_END = struct.Struct("<4sQ2H2L4Q")

WIDE_FIELD, PADDING_FIELD = 0x0001, 0xD935
_FIELD = struct.Struct("<2H")


class Local(NamedTuple):
    """In front of each file. `packed`: its bytes in the archive; `name`, `extra`: lengths of what follows."""

    signature: bytes
    needs: int
    flags: int
    method: int
    time: int
    date: int
    crc32: int
    packed: int
    size: int
    name: int
    extra: int


class Central(NamedTuple):
    """In the directory, for each file. `outside`: what the system said of the file, such as that it was a link."""

    signature: bytes
    made_by: int
    needs: int
    flags: int
    method: int
    time: int
    date: int
    crc32: int
    packed: int
    size: int
    name: int
    extra: int
    comment: int
    disk: int
    inside: int
    outside: int
    offset: int


class End(NamedTuple):
    """At the end of the archive: how many files the directory lists, its size and its start."""

    signature: bytes
    disk: int
    first_disk: int
    here: int
    files: int
    size: int
    start: int
    comment: int


class WideEnd(NamedTuple):
    """The same for more files, or more bytes, than `End` can say."""

    signature: bytes
    length: int
    made_by: int
    needs: int
    disk: int
    first_disk: int
    here: int
    files: int
    size: int
    start: int


def wide_values(extra: bytes) -> list[int]:
    """The wide numbers among the extra fields of a file: size, packed size, offset, as far as they are needed."""
    at = 0
    while at + _FIELD.size <= len(extra):
        kind, length = _FIELD.unpack_from(extra, at)
        at += _FIELD.size
        if kind == WIDE_FIELD:
            data = extra[at : at + length]
            return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data) // 8 * 8, 8)]
        at += length
    return []


def field(kind: int, data: bytes) -> bytes:
    """An extra field."""
    return _FIELD.pack(kind, len(data)) + data
