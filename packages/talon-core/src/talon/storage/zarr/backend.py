"""The backend: recognises stores of ours in folders, zip archives and store objects, writes and reads them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from talon.ir.document import Document
from talon.ir.errors import TalonError, TalonFormatError
from talon.storage.backend import Progress
from talon.storage.summary import FileInfo

if TYPE_CHECKING:
    from zarr.abc.store import Store

    from talon.storage.zarr.container import Container

T = TypeVar("T")

MOST_TRIES = 16
"""How often a folder is opened again that is replaced while it is read."""


class ZarrBackend:
    """zarr, format 3. Paths need no more than crc32c; zarr itself is only imported by whoever made a store object."""

    suffixes = (".zarr", ".zarr.zip")

    def recognises(self, path: Path, head: bytes) -> bool:
        from talon.storage.zarr import archive, layout

        if path.is_dir():
            return self.marked(path) or self.begun(path)
        mark = f'"{layout.MARK}"'.encode()
        return archive.begins_like_ours(head) or (
            head.startswith(archive.SIGNATURE) and mark in archive.root_of(path, layout.METADATA)
        )

    def begun(self, folder: Path) -> bool:
        """Whether a folder looks like a store whose root cannot say whose it is: it is a link, no file, empty, not to
        be read, or, beside what talon puts there, missing or nothing that a root can be. Reading it then tells which.
        """
        from talon.storage.zarr import layout

        root = folder / layout.METADATA
        beside = all((folder / name).is_dir() for name in (layout.COLUMNS, layout.ARRAYS))
        if not os.path.lexists(root):
            return beside
        if root.is_symlink() or not root.is_file() or not root.stat().st_size or not os.access(root, os.R_OK):
            return True
        return beside and not self.sensible(root)

    def sensible(self, root: Path) -> bool:
        """Whether a file can be the root of some zarr store: strict JSON that is not too large or too deep."""
        from talon.storage.tagged import strict_json
        from talon.storage.zarr import layout

        with root.open("rb") as file:
            text = file.read(layout.MOST_ROOT_BYTES + 1)
        try:
            return len(text) <= layout.MOST_ROOT_BYTES and bool(strict_json(text, layout.METADATA))
        except TalonFormatError:
            return False

    def marked(self, folder: Path) -> bool:
        """Whether the root of a folder says that it is ours."""
        from talon.storage.zarr import layout

        root = folder / layout.METADATA
        if root.is_symlink() or not root.is_file():
            return False
        with root.open("rb") as file:
            return f'"{layout.MARK}"'.encode() in file.read(layout.MOST_ROOT_BYTES)

    def folder(self, target: Path) -> bool:
        """Under any other name than `*.zarr` a single file is written."""
        return target.name.lower().endswith(self.suffixes[0])

    def replaceable(self, folder: Path) -> bool:
        """Whether a folder is a store of ours and holds nothing else."""
        from talon.storage.zarr import layout

        names = {entry.name for entry in folder.iterdir()}
        return names <= {layout.METADATA, layout.COLUMNS, layout.ARRAYS} and self.marked(folder)

    def accepts(self, target: object) -> bool:
        """Whether something is a store object of zarr's."""
        module = sys.modules.get("zarr.abc.store")
        return module is not None and isinstance(target, module.Store)

    def occupied(self, target: Store) -> bool:
        from talon.storage.zarr.objects import listed

        return bool(listed(target))

    def write(self, document: Document, path: Path | Store, progress: Progress | None) -> None:
        from talon.storage.zarr.writing import write_document

        if not isinstance(path, Path):
            from talon.storage.zarr.objects import ObjectSink, refuse_others

            refuse_others(path)
            sink = ObjectSink(path)
            write_document(document, sink, progress)
            sink.finish()
        elif path.is_dir() or self.folder(path):
            from talon.storage.draining import DrainingFiles
            from talon.storage.zarr.folder import FolderSink

            with DrainingFiles() as draining:
                write_document(document, FolderSink(path, draining), progress)
        else:
            from talon.storage.zarr.archiving import ArchiveSink

            with ArchiveSink(path) as archive:
                write_document(document, archive, progress)

    def read(self, path: Path | Store, lazy: bool, progress: Progress | None) -> Document:
        from talon.storage.index import records
        from talon.storage.zarr import reading

        def document(container: Container) -> Document:
            found = reading.opened(container)
            made = records.document(found.header, found.tables, found.source, lazy, progress)
            if lazy:
                found.source.hold(made)
            return made

        return self.reading(path, document)

    def info(self, path: Path | Store) -> FileInfo:
        from talon.storage.index import records
        from talon.storage.zarr import reading

        def told(container: Container) -> FileInfo:
            found = reading.opened(container)
            return records.info(str(path), container.size(), found.header, found.tables, found.source)

        return self.reading(path, told)

    def version(self, path: Path | Store) -> str:
        from talon.storage.zarr import reading

        return self.reading(path, reading.version)

    def reading(self, path: Path | Store, use: Callable[[Container], T]) -> T:
        """What is made of a store. A folder that is replaced meanwhile is opened again: it is the old one or the new
        one as a whole."""
        from talon.storage.zarr.folder import Folder

        for _ in range(MOST_TRIES):
            container = self.container(path)
            try:
                return use(container)
            except TalonError:
                if not (isinstance(container, Folder) and container.replaced()):
                    raise
        raise TalonFormatError(
            "T305",
            "the store is replaced faster than it can be read",
            expected="a store that stays for a moment",
            found=f"another one {MOST_TRIES} times",
            help="read it when nobody writes it",
        )

    def container(self, path: Path | Store) -> Container:
        from talon.storage.zarr.archive import Archive
        from talon.storage.zarr.folder import Folder

        if isinstance(path, Path):
            return Folder(path) if path.is_dir() else Archive(path)
        from talon.storage.zarr.objects import Objects

        return Objects(path)
