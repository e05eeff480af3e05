"""A file with a footer, opened: header and tables checked, without HDF5 and without touching an array."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from talon.ir.errors import TalonError, TalonFormatError
from talon.storage.index import footer, packing
from talon.storage.index.checking import Tables, check_places, checked
from talon.storage.source import OpenFile


class Indexed(NamedTuple):
    source: OpenFile
    header: packing.Header
    tables: Tables


def indexed(path: Path) -> Indexed | None:
    """What the index of a file says, or None for a file that has none. Raises where it has one that is damaged."""
    source, end, index = proved(path)
    if index is None:
        return None
    with one_error():
        header = packing.header_of(index)
        tables = checked(packing.unpack(index, header))
        check_places(tables, footer.FIRST, end, footer.BEGINS)
    return Indexed(source, header, tables)


def version(path: Path) -> str | None:
    """The version of the format as the index says it, or None for a file that has none."""
    index = proved(path)[2]
    with one_error():
        return None if index is None else packing.header_of(index).format


def proved(path: Path) -> tuple[OpenFile, int, bytes | None]:
    """The open file, where its index begins, and the index when its hash is right."""
    source = OpenFile(path)
    found = footer.find(source.file)
    if found is None:
        return source, 0, None
    return source, found.offset, footer.index_bytes(source.file, found)


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Whatever the checks did not foresee is damage to a user too."""
    try:
        yield
    except TalonError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError) as error:
        raise TalonFormatError(
            "T303",
            "the index of the file is damaged",
            found=f"{type(error).__name__}: {error}"[:200],
            help="get an undamaged copy",
        ) from error
