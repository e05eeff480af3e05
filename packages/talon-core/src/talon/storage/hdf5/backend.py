"""The backend: recognises HDF5 by its signature, writes the tree, reads it."""

from __future__ import annotations

from pathlib import Path

from talon.ir.document import Document
from talon.storage.backend import Progress

SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Hdf5Backend:
    """HDF5 with h5py. h5py is imported when a file is written or read."""

    suffixes = (".t1c", ".h5", ".hdf5")

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(SIGNATURE)

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        from talon.storage.hdf5.writing import write_tree

        write_tree(document, path, progress)

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        from talon.storage.hdf5.reading import read_tree

        return read_tree(path, lazy, progress)

    def version(self, path: Path) -> str:
        from talon.storage.hdf5.reading import read_header

        return read_header(path)
