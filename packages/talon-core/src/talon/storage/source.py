"""A file that stays open: pieces are read and mapped from it, as long as it is the one that was opened."""

from __future__ import annotations

import mmap
import os
import stat
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from talon.ir.errors import TalonError, TalonFileError, TalonFormatError


class Stamp(NamedTuple):
    """What tells whether a file is still the same one, and unchanged."""

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, descriptor: int) -> Stamp:
        found = os.fstat(descriptor)
        return cls(found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino)


ATTEMPTS = 100
"""How often a file is opened that is replaced just then."""


PIECE = 1 << 19
"""What is read at once where its checksum is wanted: it is still in the processor's cache when this is made."""


def never_stays() -> TalonFormatError:
    return TalonFormatError("T305", "the file was replaced each time it was opened", help="read it when it is complete")


class Source(Protocol):
    """Where arrays that stand outside the index are read from."""

    path: str

    def fetch(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """An array of its own. `where` names it in errors."""
        ...

    def summed(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> tuple[np.ndarray, int]:
        """The same, and the crc32 of its bytes."""
        array = self.fetch(offset, dtype, shape, where)
        return array, zlib.crc32(array.data)

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """The same, which may be a read-only view of what the source keeps open."""
        ...


class OpenFile(Source):
    """A file that references read from, closed when the last of them is gone. A file that is replaced meanwhile
    stays readable; one that is changed in place is refused."""

    def __init__(self, path: Path, opener: Callable[[str, int], int] | None = None) -> None:
        self.path = str(path)
        opener = opener or _without_waiting
        try:
            self.file = open(path, "rb", buffering=0, opener=opener)  # noqa: SIM115 - as long as it is needed
        except TalonError:
            raise  # by an opener, that says more
        except OSError as error:
            raise TalonFileError(
                "T301", "the file cannot be opened", file=self.path, found=error.strerror, help="check the path"
            ) from error
        weakref.finalize(self, self.file.close)
        if not stat.S_ISREG(os.fstat(self.file.fileno()).st_mode):
            raise TalonFormatError(
                "T302",
                "only regular files are read",
                file=self.path,
                found="a folder, pipe, socket or device",
                help="copy its content into a file",
            )
        self.lock = threading.Lock()
        self.stamp = self.now()

    def now(self) -> Stamp:
        return Stamp.of(self.file.fileno())

    def bytes(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from an offset on."""
        into = memoryview(bytearray(min(count, max(0, self.now().size - offset))))
        return into[: self.fill(offset, into)].tobytes()

    def fetch(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """An array of its own with the bytes at an offset."""
        array = np.empty(shape, dtype)
        into = array.reshape(-1).view(np.uint8).data
        if self.fill(offset, into) < len(into):
            raise self.changed(where)
        self.unchanged(where)
        return array

    def summed(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> tuple[np.ndarray, int]:
        array = np.empty(shape, dtype)
        crc32 = 0
        for piece in self.pieces(offset, array.reshape(-1).view(np.uint8).data, where):
            crc32 = zlib.crc32(piece, crc32)
        return array, crc32

    def pieces(self, offset: int, into: memoryview, where: str) -> Iterator[memoryview]:
        """Fill a buffer with the bytes at an offset, and tell of every piece while it is in the processor's cache."""
        for done in range(0, len(into), PIECE):
            piece = into[done : done + PIECE]
            if self.fill(offset + done, piece) < len(piece):
                raise self.changed(where)
            yield piece
        self.unchanged(where)

    def fill(self, offset: int, into: memoryview) -> int:
        """Fill a buffer as far as the file goes; gives how many bytes."""
        done = 0
        while done < len(into) and (count := self.read(offset + done, into[done:])):
            done += count
        return done

    def read(self, offset: int, into: memoryview) -> int:
        """Read some bytes into a buffer; gives how many. Where the system can, neither position nor lock is used:
        threads do not wait for each other, and processes that were forked from this one share both."""
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [into], offset)
        with self.lock:
            self.file.seek(offset)
            return self.file.readinto(into)

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """A read-only view of the bytes at an offset, which are fetched as they are touched."""
        # Other tools put arrays at any offset; unaligned ones would be slow to compute with.
        if offset % dtype.itemsize:
            return self.fetch(offset, dtype, shape, where)
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
            node=where.rpartition(".")[0] or None,
            expected=f"{self.stamp.size} bytes, unchanged",
            found=f"{self.now().size} bytes",
            help="read it again, or use graph.load() before the file may change",
        )


def _without_waiting(path: str, flags: int) -> int:
    """Open a path; a pipe would wait for somebody to write into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
