"""Keys of a store that anybody may have written -> header and tables, and arrays that are proved when first touched."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from talon.ir.document import FORMAT, Document
from talon.ir.errors import TalonError, TalonFormatError
from talon.storage.index import layout as index
from talon.storage.index.arrays import StoredArray
from talon.storage.index.checking import Tables, checked, misplaced
from talon.storage.index.layout import COLUMNS, DTYPES
from talon.storage.index.opening import one_error
from talon.storage.index.packing import Header, refuse_other_formats, refuse_writer
from talon.storage.source import OpenFile, Source
from talon.storage.tagged import strict_json
from talon.storage.zarr import layout
from talon.storage.zarr.container import BYTE, LITTER, Container, Span, content, damaged, foreign, no_graph, only
from talon.storage.zarr.crc32c import crc32c

MOST_METADATA_BYTES = 1 << 16
PROVED_AT_ONCE = 1 << 22
_KEYS = {"index", "format", "writer", "sha256"}
_WANTED = {column.name: np.dtype(column.dtype) for column in COLUMNS}


class Opened(NamedTuple):
    header: Header
    tables: Tables
    source: Arrays


def opened(container: Container) -> Opened:
    """What a store says, without touching an array that is not in its columns."""
    with one_error():
        root = metadata(container, "", layout.MOST_ROOT_BYTES)
        said = header_of(root)
        only(container, "", {layout.METADATA, f"{layout.COLUMNS}/", f"{layout.ARRAYS}/"})
        for group in (layout.COLUMNS, layout.ARRAYS):
            expect(metadata(container, group), layout.group_metadata(), group)
        columns = read_columns(container, said["format"])
        found = layout.digest(said["format"], said["writer"], columns)
        if found != said["sha256"]:
            raise damaged(
                "the columns are not those that its root tells of", f"sha256 {said['sha256']!r:.24}", f"sha256 {found}"
            )
        tables = checked({name: columns[name] for name in _WANTED})
        check_places(tables)
        source = Arrays(container, tables)
        if (gathered := root.get("consolidated_metadata")) is not None:
            check_gathered(gathered, container, tables, columns)
    return Opened(Header(said["format"], said["writer"], []), tables, source)


def version(container: Container) -> str:
    """The version of the format."""
    with one_error():
        return str(header_of(metadata(container, "", layout.MOST_ROOT_BYTES))["format"])


def header_of(root: layout.Json) -> layout.Json:
    """What the root says of a store that is ours. Raises for a format that this version does not read (T307)."""
    expect({key: root.get(key) for key in ("zarr_format", "node_type")}, {"zarr_format": 3, "node_type": "group"}, "")
    attributes = root.get("attributes")
    said = attributes.get(layout.MARK) if isinstance(attributes, dict) else None
    if not isinstance(said, dict):
        raise no_graph()
    form, writer = said.get("format"), said.get("writer")
    if not (type(said.get("index")) is int and isinstance(form, str) and isinstance(writer, str)):
        raise damaged(f"its attribute {layout.MARK!r} is of another form", ", ".join(sorted(_KEYS)), f"{said!r:.80}")
    refuse_other_formats(said["index"], form)
    refuse_writer(writer)
    if not isinstance(said.get("sha256"), str) or (said.keys() != _KEYS and form == FORMAT):
        raise damaged(f"its attribute {layout.MARK!r} is of another form", ", ".join(sorted(_KEYS)), f"{said!r:.80}")
    return said


def metadata(container: Container, path: str, most: int = MOST_METADATA_BYTES) -> layout.Json:
    """The metadata of an array or group, as strict JSON."""
    key = layout.metadata_key(path)
    data = content(container, key, most)
    if not data:
        raise damaged(f"{key[:200]!r} is empty")
    return strict_json(data, key)


def expect(found: layout.Json, expected: layout.Json, path: str) -> None:
    """The metadata that only what talon writes has: no other codecs, types, chunks, or whatever else there may be."""
    if layout.encoded({"storage_transformers": [], **found} if "codecs" in found else found) == layout.encoded(
        expected
    ):
        return
    for key in sorted(found.keys() | expected.keys()):
        a, b = found.get(key), expected.get(key)
        if layout.encoded(a) != layout.encoded(b):
            what = f"{key!r:.40} in {layout.metadata_key(path)[:200]!r} is none that talon writes"
            raise damaged(what, f"{b!r:.200}", f"{a!r:.200}")


def read_columns(container: Container, form: str) -> dict[str, np.ndarray]:
    """All columns, each proved by its crc32c. Those that a newer format has added are read, as the hash needs them."""
    names = {name.rstrip("/") for name in some_names(container, layout.COLUMNS, index.MOST_COLUMNS + 1)}
    names.discard(layout.METADATA)
    for name in filter(LITTER.fullmatch, sorted(names)):
        raise foreign(f"{layout.COLUMNS}/{name}")
    if missing := _WANTED.keys() - names:
        raise damaged(f"it lacks the column {min(missing)!r}")
    if form == FORMAT and (unknown := names - _WANTED.keys()):
        raise damaged("it has a column that is not known", "one of format 1.0", f"{min(unknown)!r:.80}")
    found, left = {}, index.MOST_INDEX_BYTES
    for name in sorted(names):
        path = f"{layout.COLUMNS}/{name}"
        said = metadata(container, path)
        dtype = _WANTED.get(name) or index_dtype(said.get("data_type"), name)
        shape = said.get("shape")
        if not (isinstance(shape, list) and len(shape) == 1 and type(shape[0]) is int and shape[0] >= 0):
            raise damaged(f"the column {name!r:.40} has another shape", "one axis", f"{shape!r:.80}")
        expect(said, layout.array_metadata(dtype, (shape[0],)), path)
        left -= shape[0] * dtype.itemsize
        if left < 0:
            raise damaged("its columns are too large", f"at most {index.MOST_INDEX_BYTES} bytes")
        found[name] = whole(container, path, dtype, shape[0])
    return found


def some_names(container: Container, folder: str, most: int) -> set[str]:
    found = set()
    for name in container.names(folder):
        found.add(name)
        if len(found) > most:
            raise damaged(f"{folder!r} holds too much", f"at most {most} names")
    return found


def index_dtype(said: Any, name: str) -> np.dtype[Any]:
    for dtype in DTYPES:
        if dtype.name == said:
            return dtype
    raise damaged(f"the column {name!r:.40} has another type", "one of the index", f"{said!r:.40}")


def whole(container: Container, path: str, dtype: np.dtype[Any], count: int) -> np.ndarray:
    """An array of one axis, now."""
    span = chunk(container, path, dtype, (count,))
    if span is None:
        return np.empty(0, dtype)
    data, expected = split(span.source.fetch(span.start, BYTE, (span.size,), path))
    if (found := crc32c(data)) != expected:
        raise damaged(f"{path!r} is not what was written", f"crc32c {expected:08x}", f"crc32c {found:08x}")
    return data.view(dtype)


def chunk(container: Container, path: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Span | None:
    """The only chunk of an array, of the right size and with no other beside it; None for an array without elements."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    only(container, path, {layout.METADATA, "c/"} if size else {layout.METADATA})
    if not size:
        return None
    key = layout.chunk_key(path, len(shape))
    for rank in range(len(shape)):
        only(container, layout.chunk_key(path, rank), {"0" if rank == len(shape) - 1 else "0/"})
    span = container.span(key)
    if span.size != size + layout.CHECK.itemsize:
        raise damaged(f"{key!r} is of another size", f"{size} bytes and 4 of crc32c", f"{span.size} bytes")
    return span


def split(chunk: np.ndarray) -> tuple[np.ndarray, int]:
    """The bytes of a chunk without its crc32c, and this."""
    return chunk[: -layout.CHECK.itemsize], int(chunk[-layout.CHECK.itemsize :].view(layout.CHECK)[0])


def check_places(tables: Tables) -> None:
    """Each array stands where its size alone puts it."""
    found = tables["array.place"].astype(np.int64)
    expected = layout.places(tables.arrays.nbytes)
    if (wrong := found != expected).any():
        row = int(np.flatnonzero(wrong)[0])
        raise misplaced(tables, np.ones(len(found), bool), wrong, "stands elsewhere", f"place {expected[row]}")


def check_gathered(said: Any, container: Container, tables: Tables, columns: Iterable[str]) -> None:
    """What zarr has gathered in the root, for tools that believe it, must be what the arrays themselves say."""
    there = said.get("metadata") if isinstance(said, dict) else None
    if not isinstance(there, dict):
        raise damaged("its consolidated metadata is of another form", "a mapping", f"{said!r:.80}")
    own = [str(place) for place in tables["array.place"][tables.arrays.nbytes >= layout.OWN].tolist()]
    paths = [layout.COLUMNS, layout.ARRAYS, *(f"{layout.COLUMNS}/{name}" for name in columns)]
    paths += [f"{layout.ARRAYS}/{name}" for name in (*own, layout.POOL)]
    if there.keys() != set(paths):
        odd = min(there.keys() ^ set(paths))
        raise damaged("its consolidated metadata lists other arrays", found=f"{odd!r:.80}")
    for path in paths:
        if not isinstance(there[path], dict):
            raise damaged("its consolidated metadata is of another form", "a mapping", f"{there[path]!r:.80}")
        gathered = {k: v for k, v in there[path].items() if k != "consolidated_metadata"}
        if gathered != metadata(container, path):
            raise damaged(f"its consolidated metadata says something else of {path!r}")


class Arrays(Source):
    """The arrays that stand outside the columns, by their places."""

    def __init__(self, container: Container, tables: Tables) -> None:
        self.container, self.path = container, container.path
        own = tables["array.place"][tables.arrays.nbytes >= layout.OWN]
        only(container, layout.ARRAYS, {layout.METADATA, f"{layout.POOL}/", *(f"{place}/" for place in own.tolist())})
        path, size = f"{layout.ARRAYS}/{layout.POOL}", layout.pool_size(tables.arrays.nbytes)
        expect(metadata(container, path), layout.array_metadata(BYTE, (size,)), path)
        self.pool = chunk(container, path, BYTE, (size,))
        self.held: dict[int, Span] = {}

    def hold(self, document: Document) -> None:
        """Keep as many arrays open as may be, so that they outlive the replacement of the store."""
        for record in document.nodes:
            for ref in record.arrays.values():
                if ref.nbytes >= layout.OWN and isinstance(ref, StoredArray):
                    if len(self.held) >= self.container.most_held:
                        return
                    place = int(ref.tables["array.place"][ref.row])
                    with self.naming(ref.where()):
                        self.held[place] = self.own(place, ref.dtype, ref.shape, ref.where())

    def fetch(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """An array of its own, by its place."""
        return self.array(offset, dtype, shape, where, False)

    def map(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """A view of an open file where there is one, and it is aligned in it."""
        return self.array(offset, dtype, shape, where, True)

    def summed(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> tuple[np.ndarray, int]:
        """An array by its place, and its crc32: read once, and proved by its crc32c too, piece by piece."""
        if int(np.prod(shape, dtype=np.int64)) * dtype.itemsize < layout.OWN:
            return super().summed(offset, dtype, shape, where)
        with self.naming(where):
            span = self.held.get(offset) or self.own(offset, dtype, shape, where)
            if not isinstance(span.source, OpenFile):
                return super().summed(offset, dtype, shape, where)
            chunk = np.empty(span.size, np.uint8)
            data, left, crc32, check = chunk[: -layout.CHECK.itemsize], span.size - layout.CHECK.itemsize, 0, 0
            for piece in span.source.pieces(span.start, chunk.data, where):
                own = piece[:left]
                left -= len(own)
                crc32, check = zlib.crc32(own, crc32), crc32c(np.frombuffer(own, np.uint8), check)
            prove(check, split(chunk)[1], where)
            return data.view(dtype).reshape(shape), crc32

    def array(self, place: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str, lazy: bool) -> np.ndarray:
        with self.naming(where):
            if int(np.prod(shape, dtype=np.int64)) * dtype.itemsize < layout.OWN:
                assert self.pool is not None  # the places were checked: the pool holds the array
                return self.pool.source.fetch(self.pool.start + place - 1, dtype, shape, where)
            span = self.held.get(place) or self.own(place, dtype, shape, where)
            get = span.source.map if lazy and span.start % dtype.itemsize == 0 else span.source.fetch
            data, expected = split(get(span.start, BYTE, (span.size,), where))
            prove(crc32c_of(data), expected, where)
            return data.view(dtype).reshape(shape)

    @contextmanager
    def naming(self, where: str) -> Iterator[None]:
        """An error inside names the file, and the node of the array."""
        try:
            yield
        except TalonError as error:
            raise error.at(file=self.path, node=where.rpartition(".")[0] or None) from error.__cause__

    def own(self, place: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> Span:
        """The chunk of an array of its own, whose metadata is what it should be."""
        path = f"{layout.ARRAYS}/{place}"
        try:
            with one_error():
                expect(metadata(self.container, path), layout.own_metadata(dtype, shape, where), path)
                found = chunk(self.container, path, dtype, shape)
        except TalonError as error:
            if not self.container.replaced():
                raise
            raise TalonFormatError(
                "T305",
                "the store was replaced after it was opened",
                expected="the store as it was",
                found=error.diagnostic.message,
                help="read it again, or use graph.load() before the store may change",
            ) from error
        assert found is not None  # arrays without elements are not that large
        return found


def prove(found: int, expected: int, where: str) -> None:
    """Raise T305 where the crc32c of an array is another."""
    if found != expected:
        raise TalonFormatError(
            "T305",
            f"the array {where.rpartition('.')[2]!r} is not what was written",
            expected=f"crc32c {expected:08x}",
            found=f"crc32c {found:08x}",
            help="get an undamaged copy of the file",
        )


def crc32c_of(data: np.ndarray) -> int:
    """In pieces: of a map, what was touched can be let go of."""
    check = 0
    for start in range(0, len(data), PROVED_AT_ONCE):
        check = crc32c(data[start : start + PROVED_AT_ONCE], check)
    return check
