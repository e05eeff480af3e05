"""Columns <-> bytes: the length of the header, the header as strict JSON, and the columns it lists, in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from talon.ir.document import FORMAT, check_format
from talon.ir.errors import TalonFormatError, pip_line
from talon.storage.index.checking import damaged
from talon.storage.index.layout import COLUMNS, LONGEST_WORD, MOST_COLUMNS, MOST_HEADER_BYTES, VERSION, aligned
from talon.storage.tagged import strict_json

_LENGTH = 8
_KEYS = {"index", "format", "writer", "columns"}


class Header(NamedTuple):
    """What stands in front of the columns. `columns`: name, dtype, offset in the index, and length of each."""

    format: str
    writer: str
    columns: list[tuple[str, str, int, int]]


def pack(format: str, writer: str, columns: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an index; equal columns give equal bytes."""
    sizes = [(c.name, c.dtype, columns[c.name]) for c in COLUMNS]

    def text(start: int) -> bytes:
        listed: list[list[Any]] = []
        for name, dtype, column in sizes:
            listed.append([name, dtype, start, len(column)])
            start = aligned(start + column.nbytes)
        header = {"index": VERSION, "format": format, "writer": writer, "columns": listed}
        return json.dumps(header, separators=(",", ":")).encode()

    # The header lists offsets that depend on its own length: room for the largest of them settles it.
    start = aligned(_LENGTH + len(text(1 << 40)))
    header = text(start).ljust(start - _LENGTH)
    parts = [len(header).to_bytes(_LENGTH, "little"), header]
    for _, _, column in sizes:
        parts += [column.tobytes(), bytes(aligned(column.nbytes) - column.nbytes)]
    return b"".join(parts)


def header_of(index: bytes) -> Header:
    """The header, of the right form. Raises for a format that this version does not read (T307)."""
    length = int.from_bytes(index[:_LENGTH], "little")
    if len(index) < _LENGTH or length > min(MOST_HEADER_BYTES, len(index) - _LENGTH):
        raise damaged("its header does not fit", f"at most {MOST_HEADER_BYTES} bytes", length)
    said = strict_json(index[_LENGTH : _LENGTH + length], "the header of the index")
    version, form, writer, columns = (said.get(key) for key in ("index", "format", "writer", "columns"))
    if not (type(version) is int and isinstance(form, str) and isinstance(writer, str) and isinstance(columns, list)):
        raise damaged("its header is of another form", ", ".join(sorted(_KEYS)), f"{sorted(said)!r:.80}")
    refuse_other_formats(version, form)
    refuse_writer(writer)
    if said.keys() != _KEYS and form == FORMAT:
        raise damaged("its header is of another form", ", ".join(sorted(_KEYS)), f"{sorted(said)!r:.80}")
    if len(columns) > MOST_COLUMNS:
        raise damaged("it has too many columns", f"at most {MOST_COLUMNS}", len(columns))
    end = _LENGTH + length
    listed = []
    for column in columns:
        if not (isinstance(column, list) and list(map(type, column)) == [str, str, int, int]):
            raise damaged("a column is not listed as one", "[name, dtype, offset, length]", f"{column!r:.80}")
        listed.append((column[0], column[1], column[2], column[3]))
    if len({name for name, *_ in listed}) < len(listed):
        raise damaged("a column is listed twice")
    if end % 8:
        raise damaged("its columns are not aligned", "a multiple of 8", end)
    return Header(form, writer, listed)


def refuse_other_formats(version: int, form: str) -> None:
    """Raise for a version of the index or a format that this version of talon does not read (T303, T307)."""
    check_format(form)
    if version != VERSION:
        raise TalonFormatError(
            "T307",
            "the file has another index than this version reads",
            expected=f"format {FORMAT} with index {VERSION}",
            found=f"format {form} with index {version}",
            help=pip_line("talon-core", upgrade=True),
        )


def refuse_writer(writer: str, complaint: Callable[..., TalonFormatError] = damaged) -> None:
    """Raise for the name of a writer that cannot be shown to people; the rules are those for words (T303)."""
    if not writer.isprintable():
        what = "its writer has characters that cannot be printed"
        raise complaint(what, expected="printable characters", found=f"{writer!a:.80}")
    if len(writer) > LONGEST_WORD:
        what = "the name of its writer is too long"
        raise complaint(what, expected=f"at most {LONGEST_WORD} characters", found=len(writer))


def unpack(index: bytes, header: Header) -> dict[str, np.ndarray]:
    """The columns as views of the bytes: each of its type, aligned, right behind the one before, up to the end.

    Columns that a newer format has added are passed over.
    """
    known = {column.name: column for column in COLUMNS}
    end = aligned(_LENGTH + int.from_bytes(index[:_LENGTH], "little"))
    found: dict[str, np.ndarray] = {}
    for name, dtype, offset, count in header.columns:
        column = known.get(name)
        if column is None and header.format == FORMAT:
            raise damaged("it has a column that is not known", f"one of format {FORMAT}", repr(name)[:80])
        if (column is not None and dtype != column.dtype) or dtype not in _TYPES:
            raise damaged(f"the column {name!r:.40} has another type", column and column.dtype, repr(dtype)[:40])
        size = _TYPES[dtype].itemsize
        if offset != end or not 0 <= count <= (len(index) - offset) // size:
            raise damaged(
                f"the column {name!r:.40} is not where it should be",
                f"at {end}, inside {len(index)} bytes",
                f"{count} of {size} bytes at {offset}",
            )
        end = aligned(end + count * size)
        if column is not None:
            found[name] = np.frombuffer(index, _TYPES[dtype], count, offset)
    if end != len(index):
        raise damaged("it does not end with its last column", end, len(index))
    missing = [name for name in known if name not in found]
    if missing:
        raise damaged("it lacks a column", missing[0])
    return found


_TYPES = {dtype: np.dtype(dtype) for dtype in ("|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8")}
