"""`write`, `read`, `info`, `read_version`: paths checked, a backend chosen, graphs made from documents."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from talon.ir import __version__
from talon.ir.document import NodeRecord, from_document, to_document
from talon.ir.errors import (
    TalonError,
    TalonFileError,
    TalonFormatError,
    TalonMissingPluginError,
    TalonTypeError,
    pip_line,
)
from talon.ir.graph import Graph
from talon.ir.known import PRIMITIVES
from talon.ir.migration import reaches
from talon.ir.node import Node
from talon.ir.published import Resolve, as_read
from talon.plugins import registry
from talon.plugins.manager import manager
from talon.storage.backend import Accepts, Backend, Tells, accepting, for_reading, for_writing, in_place_of
from talon.storage.collector import uncollected
from talon.storage.summary import FileInfo, summarise
from talon.storage.telling import Raised, told

Progress = Callable[[int, int], None]


class Store(Protocol):
    """As much of `zarr.abc.store.Store` as tells type checkers that one may stand in the place of a path."""

    @property
    def supports_listing(self) -> bool: ...
    @property
    def supports_deletes(self) -> bool: ...
    async def getsize(self, key: str) -> int: ...


def write(
    path: str | os.PathLike[str] | Store,
    graph: Graph,
    *,
    backend: str | None = None,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write a graph to a file. The file is replaced only when the new one is complete and on the disk.

    `backend`: a name such as `"hdf5"`; by default the suffix decides (`.t1c .h5 .hdf5`, `.zarr .zarr.zip`),
    and without one it is HDF5; a suffix that no backend has is refused.
    Parent folders are made. A store object of zarr's in the place of the path is written into at once, not replaced.
    `progress(done, total)` counts nodes; what it raises comes through, and nothing is replaced then. Raises
    `TalonFileError` (T301, T306, T308, T309).
    """
    if isinstance(path, Graph):
        swapped = f"write({type(path).__name__}, {type(graph).__name__})"
        raise TalonTypeError(
            "T206", "write takes the path first", expected="write(path, graph)", found=swapped, help="swap the two"
        )
    taker = taking(path, backend)
    target: Any = path if taker is not None else local_path(path)
    if not isinstance(graph, Graph):
        raise TalonTypeError(
            "T206", "write takes a path and a graph", expected="write(path, ir.Graph)", found=type(graph).__name__
        )
    if not overwrite and (os.path.lexists(target) if taker is None else occupied(taker, target)):
        raise TalonFileError("T306", "the file exists already", file=str(target), help="pass overwrite=True")
    chosen = taker or for_writing(target, backend)
    with uncollected():
        document = to_document(graph, registry.provider, f"talon-core {__version__}")
    try:
        if taker is not None:
            taker.write(document, target, told(progress))
        else:
            with in_place_of(target, chosen) as temporary:
                chosen.write(document, temporary, told(progress))
        return
    except TalonError as error:
        raise error.at(file=str(target)) from error.__cause__
    except Raised as raised:
        own = raised.error
    raise own


def read(
    path: str | os.PathLike[str] | Store,
    *,
    unknown: Literal["error", "keep"] = "error",
    lazy: bool = True,
    trusted: bool = False,
    progress: Progress | None = None,
) -> Graph:
    """Read a graph. The backend is chosen by the file's content.

    `unknown`: what to do with node types that no installed plugin provides, or not in the schema of the file.
    `"error"` names who provides them, `"keep"` makes opaque nodes of them, which can be checked around, drawn and
    written back. Nodes of an older schema are migrated.
    A file of the published package is read with the meaning that it executed there, spelled out in fields.
    With `lazy` large arrays are fetched when first used, from the file as it was opened; `graph.load()` fetches all.
    HDF5 without an index is parsed in a child process that has limits of time and memory; with `trusted` in this one,
    chunks and compression too, which is for files that one made oneself.
    Shapes and types are checked now, values by `graph.check()`. Raises `TalonFileError` (T301), `TalonFormatError`
    (T302 to T307, T311; T304 for a type of which the file does not say who provides it; T313 and T314 for nodes that
    cannot be migrated) and `TalonMissingPluginError` (T001) where the distribution of a primitive is not installed.
    """
    source, backend = located(path, trusted)
    if unknown not in ("error", "keep"):
        raise TalonTypeError("T206", "unknown is a word", expected="'error' or 'keep'", found=repr(unknown))
    try:
        document = backend.read(source, lazy, told(progress))
        resolve = once_each(class_of if unknown == "error" else class_or_none)
        with uncollected():
            return as_read(document, resolve) if document.legacy else from_document(document, resolve)
    except TalonError as error:
        raise error.at(file=str(source)) from error.__cause__
    except Raised as raised:
        own = raised.error
    raise own


def info(path: str | os.PathLike[str] | Store, *, trusted: bool = False) -> FileInfo:
    """What a file holds: header, nodes, shapes, sizes, providers. No weights are read, and no plugin need be there.

    `trusted` as for `read`.
    """
    source, backend = located(path, trusted)
    try:
        if isinstance(backend, Tells) and (told_at_once := backend.info(source)) is not None:
            return told_at_once
        document = backend.read(source, True, None)
        return summarise(source, document, class_or_none)
    except TalonError as error:
        raise error.at(file=str(source)) from error.__cause__


def read_version(path: str | os.PathLike[str] | Store, *, trusted: bool = False) -> str:
    """The version of the format a file was written in; files of the published package say `"0.0.1"`.

    `trusted` as for `read`.
    """
    source, backend = located(path, trusted)
    try:
        return backend.version(source)
    except TalonError as error:
        raise error.at(file=str(source)) from error.__cause__


def taking(path: Any, name: str | None = None) -> Backend | None:
    """The backend, or the one of a name, that takes what is no path: the store objects of its library."""
    return None if isinstance(path, (str, bytes, os.PathLike)) else accepting(path, name)


def occupied(backend: Backend, target: Any) -> bool:
    return isinstance(backend, Accepts) and backend.occupied(target)


def located(path: Any, trusted: bool) -> tuple[Any, Backend]:
    """A path, or the object in its place, and the backend that reads it."""
    taker = taking(path)
    if taker is not None:
        return path, taker
    source = existing(path)
    return source, for_reading(source, trusted)


def local_path(path: Any) -> Path:
    """A local path from str or PathLike; file objects and URLs are refused with what to do instead."""
    if hasattr(path, "read") or hasattr(path, "write"):
        raise TalonFileError(
            "T308", "a path is needed, not an open file", found=type(path).__name__, help="pass file.name"
        )
    try:
        text = os.fspath(path)
    except TypeError:
        raise TalonTypeError("T206", "a path is a str or PathLike", found=type(path).__name__) from None
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if "://" in text:
        raise TalonFileError(
            "T308", "URLs are not opened", file=text, help="pass a local path, or a zarr store that opens the URL"
        )
    if not text or "\0" in text or not nameable(text):
        raise TalonFileError("T308", "this is no path", found=f"{text!a:.80}", help="give the name of a file")
    return Path(text)


def nameable(text: str) -> bool:
    """Whether the system can be given a name; a surrogate that stands alone for no byte is none of its characters."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def existing(path: Any) -> Path:
    source = local_path(path)
    try:
        source.stat()
    except OSError as error:
        raise TalonFileError(
            "T301",
            "the file cannot be opened",
            file=str(source),
            found=error.strerror or str(error),
            help="check the path",
        ) from error
    if not os.access(source, os.R_OK):
        raise TalonFileError("T301", "the file may not be read", file=str(source), help="check its permissions")
    return source


def once_each(resolve: Resolve) -> Resolve:
    """Asks once for each type and schema."""
    known: dict[tuple[str, int], type[Node] | None] = {}

    def resolved(record: NodeRecord) -> type[Node] | None:
        kind = record.type, record.schema
        if kind not in known:
            known[kind] = resolve(record)
        return known[kind]

    return resolved


def class_or_none(record: NodeRecord) -> type[Node] | None:
    """The class of a stored node, or None where nobody here provides it (or two do), or not for its schema."""
    entry = registry.primitives().get(record.type)
    if entry is None or entry.rivals:
        return None
    cls = class_of(record)
    return cls if reaches(record, cls) else None


def class_of(record: NodeRecord) -> type[Node]:
    """The class of a stored node. Raises with the distribution that wrote it where it is not there (T001, T304)."""
    known = registry.primitives()
    if record.type in known or record.type in PRIMITIVES:
        try:
            cls: type[Node] = registry.primitive(record.type)
        except TalonError as error:
            raise error.at(node=record.path) from None
        return cls
    by = f"{record.provider} {record.version}".strip()
    missing = bool(record.provider) and not any(p.distribution == record.provider for p in manager().plugins)
    family, code = (TalonMissingPluginError, "T001") if missing else (TalonFormatError, "T304")
    get = pip_line(record.provider, upgrade=not missing) if record.provider else "install what defines it"
    raise family(
        code,
        f"no installed plugin provides the type {record.type!r}",
        node=record.path,
        expected=f"a primitive of {by}" if by else "one of " + ", ".join(sorted(known)[:5]) + ", ...",
        found=repr(record.type),
        help=f'{get}, or read with unknown="keep"',
    )
