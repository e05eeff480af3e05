"""Storage backends: what one offers, and which one writes or reads a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from talon.ir.document import Document
from talon.ir.errors import TalonFileError, TalonFormatError, TalonPluginError, TalonTypeError, suggest
from talon.plugins import registry
from talon.plugins.manager import described
from talon.storage.atomic import content_of, replacing
from talon.storage.source import OpenFile
from talon.storage.summary import FileInfo

Progress = Callable[[int, int], None]

HEAD = 4096
"""How many bytes of a file `recognises` is given."""


class Backend(Protocol):
    """What a storage backend offers: an object, or a class that is constructed without arguments.

    Graph <-> Document is talon's, Document <-> bytes is the backend's.
    """

    suffixes: tuple[str, ...]
    """Endings of file names that `write` gives to this backend, such as `".t1c"`."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the content at `path`, whose first bytes are `head`, is of this backend's format."""
        ...

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        """Write a new file at `path`, which does not exist; it is put in its place afterwards."""
        ...

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        """The document. With `lazy`, large arrays may be references that fetch their values when asked."""
        ...

    def version(self, path: Path) -> str:
        """The version of the format, without reading the graph."""
        ...


@runtime_checkable
class Trusting(Protocol):
    """What a backend may offer besides, if it reads strangers' files with more care than one's own."""

    def trusting(self) -> Backend:
        """The backend for files that one made oneself."""
        ...


@runtime_checkable
class Tells(Protocol):
    """What a backend may offer besides: what a file holds, quicker than from its document."""

    def info(self, path: Path) -> FileInfo | None:
        """What the file holds, or None where that takes the document."""
        ...


@runtime_checkable
class Folders(Protocol):
    """What a backend may offer that writes folders. Its `write` is given an empty one where `folder` says so."""

    def folder(self, target: Path) -> bool:
        """Whether a folder is to be written at a target, and no file."""
        ...

    def replaceable(self, folder: Path) -> bool:
        """Whether a folder is one of this format and holds nothing else, so that a new one may take its place."""
        ...


@runtime_checkable
class Accepts(Protocol):
    """What a backend may offer that works on objects of some library's too, such as stores of object storage.

    Its methods are then given the object where the path would be. What `write` makes is in its place at once.
    """

    def accepts(self, target: object) -> bool:
        """Whether something is such an object."""
        ...

    def occupied(self, target: Any) -> bool:
        """Whether the object holds something already."""
        ...


@runtime_checkable
class Compares(Protocol):
    """What a backend may offer whose files say their graph twice, for `talon check --deep`."""

    def both(self, path: Path) -> tuple[Document, Document] | None:
        """The document as other tools see it and as `read` does, or None where the file says it once."""
        ...


def backends() -> dict[str, Backend]:
    """Every installed backend by name, built-in ones first; one that cannot be made is complained of."""
    made: dict[str, Backend] = {}
    for name, given in registry.usable("talon_storage_backends").items():
        try:
            backend = given() if isinstance(given, type) else given
            if not all(isinstance(suffix, str) for suffix in tuple(backend.suffixes)):
                raise TypeError("suffixes is no tuple of strings")
        except Exception as error:  # noqa: BLE001 - a stranger's backend must not stop the others
            at_fault(name, error)
        else:
            made[name] = backend
    return made


def at_fault(name: str, error: Exception) -> None:
    """Complain of a backend that fails where it should answer; the others go on."""
    entry = registry.collected("talon_storage_backends")[name]
    registry.complain(entry, f"provides the storage backend {name!r}, which failed: {described(error)}")


def in_place_of(target: Path, backend: Backend) -> AbstractContextManager[Path]:
    """`replacing` a target by what a backend writes, be it a file or a folder."""
    if isinstance(backend, Folders):
        return replacing(target, folder=backend.folder(target), replaceable=backend.replaceable)
    return replacing(target)


def for_writing(path: Path, name: str | None) -> Backend:
    """The backend asked for by name, else the one with the path's suffix, in capitals or not; HDF5 where there is
    none. A suffix that no backend has says another format, or is a slip of the pen: it is refused (T308)."""
    known = backends()
    if name is not None:
        if not isinstance(name, str):
            raise TalonTypeError("T206", "a backend is given by its name", expected="'hdf5'", found=type(name).__name__)
        if name not in known:
            raise TalonPluginError(
                "T002",
                f"there is no storage backend {name!r}",
                expected=" or ".join(map(repr, known)),
                found=repr(name),
                help=suggest(name, known, "'talon plugins' lists who provides backends"),
            )
        return known[name]
    for backend in known.values():
        if path.name.lower().endswith(tuple(suffix.lower() for suffix in backend.suffixes)):
            return backend
    if re.fullmatch(r"(\.\d+)?", path.suffix):  # the end of "net-1.0" says no format
        return known["hdf5"]
    suffixes = [suffix for backend in known.values() for suffix in backend.suffixes]
    otherwise = "give the file one of these suffixes, or none; backend='hdf5' (--backend) writes HDF5 under any name"
    raise TalonFileError(
        "T308",
        "no installed storage backend writes files of this suffix",
        expected=" or ".join(suffixes),
        found=repr(path.suffix),
        help=suggest(path.suffix, suffixes, otherwise),
    )


def accepting(target: object, name: str | None = None) -> Backend | None:
    """The backend, or the one of a name, that takes an object in the place of a path."""
    for known, backend in backends().items():
        if name in (None, known) and isinstance(backend, Accepts):
            try:
                if backend.accepts(target):
                    return backend
            except Exception as error:  # noqa: BLE001 - as above
                at_fault(known, error)
    return None


def head_of(path: Path) -> bytes:
    """What `recognises` is given beside the path: the first bytes of a file, none of a folder."""
    return b"" if path.is_dir() else OpenFile(path).bytes(0, HEAD)


ZIPS = (b"host.t1c", b"ledger.z")
"""How artifacts begin, zip archives that hold what a chip is told: names of their first file."""
ON_A_CHIP = "it is a network on the cores of a chip: hw.load(path) of talon-hw reads it, 'talon hw run' runs it"
RIGHT_FILE = "check that it is the right file; 'talon plugins' lists the backends"
OTHERS = {
    b"version https://git-lfs": "it stands for the file in Git LFS: 'git lfs pull' fetches the file",
    b"<!doctype html": "it is a web page: download the file itself",
    b"<html": "it is a web page: download the file itself",
    b"\x1f\x8b": "unpack it first, with gunzip or tar",
    b"\x28\xb5\x2f\xfd": "unpack it first, with unzstd",
    b"\x89hdf\r\r\n": "it was copied as text, which changes line ends: copy it as binary",
    b"\x89hdf\n": "it was copied as text, which changes line ends: copy it as binary",
    b"\xc2\x89hdf": "it was copied as text, which changes bytes: copy it as binary",
}
"""What files begin with that are found in the place of a network, in small letters, and what to do."""


def begins_with(path: Path, head: bytes) -> str:
    """What a path leads to, in few words."""
    if path.is_dir():
        return content_of(path)
    return f"a file that begins with {head[:8]!r}" if head else "an empty file"


def advice(head: bytes) -> str:
    """What to do with a file that no backend recognises."""
    if head.startswith(b"PK\3\4"):
        return ON_A_CHIP if head[30:].startswith(ZIPS) else RIGHT_FILE
    return next((help for begin, help in OTHERS.items() if head.lstrip().lower().startswith(begin)), RIGHT_FILE)


def for_reading(path: Path, trusted: bool = False) -> Backend:
    """The backend that recognises the content; the suffix does not matter."""
    head = head_of(path)
    known = backends()
    for name, backend in known.items():
        try:
            if backend.recognises(path, head):
                return backend.trusting() if trusted and isinstance(backend, Trusting) else backend
        except Exception as error:  # noqa: BLE001 - as above
            at_fault(name, error)
    raise TalonFormatError(
        "T302",
        "no storage backend recognises the content",
        file=str(path),
        expected=" or ".join(known),
        found=begins_with(path, head),
        help=advice(head),
    )
