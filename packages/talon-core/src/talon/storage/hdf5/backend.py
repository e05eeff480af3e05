"""The backend: recognises HDF5 by its signature, writes tree and index, reads by the index or else the tree."""

from __future__ import annotations

from pathlib import Path

from talon.ir.document import Document
from talon.storage.backend import Progress
from talon.storage.child import asking
from talon.storage.index import footer, opening, records
from talon.storage.summary import FileInfo

SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Hdf5Backend:
    """HDF5 with an index behind its end. h5py is imported when a file is written, or one without an index is trusted;
    strangers' trees are parsed in a child process."""

    suffixes = (".t1c", ".h5", ".hdf5")

    def __init__(self, trusted: bool = False) -> None:
        self.trusted = trusted

    def trusting(self) -> Hdf5Backend:
        """A backend that parses trees in this process, and reads chunked and compressed arrays too."""
        return type(self)(trusted=True)

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(SIGNATURE)

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        from talon.storage.hdf5.writing import write_tree
        from talon.storage.index.building import columns_of
        from talon.storage.index.packing import pack

        placed = write_tree(document, path, progress)
        index = pack(document.format, document.writer, columns_of(document, placed))
        with path.open("r+b") as file:
            footer.append(file, index)

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        found = opening.indexed(path)
        if found is not None:
            return records.document(found.header, found.tables, found.source, lazy, progress)
        return self.tree(path, lazy, progress)

    def tree(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        """The document by HDF5, whether there is an index or not."""
        if not self.trusted:
            return asking.document(path, lazy, progress)
        from talon.storage.hdf5.reading import read_tree

        return read_tree(path, lazy, progress)

    def both(self, path: Path) -> tuple[Document, Document] | None:
        """What the tree says and what the index says, or None for a file without an index."""
        found = opening.indexed(path)
        if found is None:
            return None
        by_index = records.document(found.header, found.tables, found.source, True, None)
        return self.tree(path, True, None), by_index

    def info(self, path: Path) -> FileInfo | None:
        """What the index says, or None for a file that has none."""
        found = opening.indexed(path)
        if found is None:
            return None
        return records.info(str(path), found.source.stamp[0], found.header, found.tables, found.source)

    def version(self, path: Path) -> str:
        found = opening.version(path)
        if found is not None:
            return found
        if not self.trusted:
            return asking.version(path)
        from talon.storage.hdf5.reading import read_header

        return read_header(path)
