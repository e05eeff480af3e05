"""A store object of zarr's, such as `FsspecStore` or `ObjectStore`: keys that are fetched from wherever they are.

The columns and the metadata around them are fetched when the store is opened, in few round trips; of the pool, blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from zarr.abc.store import RangeByteRequest, Store
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from talon.ir.errors import TalonError, TalonFileError
from talon.storage.index.layout import MOST_INDEX_BYTES
from talon.storage.source import Source
from talon.storage.zarr import layout
from talon.storage.zarr.container import Names, Span, damaged, missing_key, no_graph

T = TypeVar("T")

MOST_KEYS = 1 << 18
AT_ONCE = 32
"""Requests that run at the same time."""
BLOCK = 1 << 22
"""Bytes that are fetched together where less is asked for."""
_AT_ONCE = {layout.METADATA, layout.metadata_key(layout.ARRAYS), layout.metadata_key(f"{layout.ARRAYS}/{layout.POOL}")}


class Objects:
    """The keys of a store object."""

    most_held = 0  # each would be a request

    def __init__(self, store: Store) -> None:
        self.store, self.path = store, str(store)
        self.keys = listed(store)
        if layout.METADATA not in self.keys:
            raise no_graph()
        self.names = Names(self.keys)
        wanted = [key for key in self.keys if key in _AT_ONCE or key.startswith(f"{layout.COLUMNS}/")]
        sizes = self.sizes(wanted)
        if sum(sizes) > 2 * MOST_INDEX_BYTES:
            raise damaged("its columns are too large", f"at most {MOST_INDEX_BYTES} bytes", sum(sizes))
        blobs = [Blob(store, key, size) for key, size in zip(wanted, sizes, strict=True)]
        contents = together(store, [blob.get(0, blob.size) for blob in blobs])
        for blob, content in zip(blobs, contents, strict=True):
            blob.content = content
        self.blobs = {blob.key: blob for blob in blobs}

    def span(self, key: str) -> Span:
        blob = self.blobs.get(key)
        if blob is None:
            if key not in self.keys:
                raise missing_key(key)
            blob = Blob(self.store, key, self.sizes([key])[0])
        return Span(blob, 0, blob.size)

    def replaced(self) -> bool:
        return False  # what is fetched is what is there

    def size(self) -> int:
        return sum(self.sizes(list(self.keys)))

    def sizes(self, keys: list[str]) -> list[int]:
        return together(self.store, [self.store.getsize(key) for key in keys])


class Blob(Source):
    """What stands under a key of a store. It is fetched anew for each array, so its crc32c tells whether it changed."""

    def __init__(self, store: Store, key: str, size: int) -> None:
        self.store, self.path, self.key, self.size = store, str(store), key, size
        self.content: np.ndarray | None = None
        self.block: Callable[[int], np.ndarray] = lru_cache(maxsize=2)(self._block)

    async def get(self, start: int, end: int) -> np.ndarray:
        """The bytes from `start` to `end`."""
        part = RangeByteRequest(start, end) if (start, end) != (0, self.size) else None
        found = await self.store.get(self.key, default_buffer_prototype(), part) if end > start else b""
        if found is None:
            raise missing_key(self.key)
        data = np.frombuffer(found if isinstance(found, bytes) else found.to_bytes(), np.uint8)
        if len(data) != end - start:
            raise damaged(f"{self.key!r} has changed", f"{end - start} bytes", f"{len(data)} bytes")
        return data

    def _block(self, number: int) -> np.ndarray:
        start = number * BLOCK
        return together(self.store, [self.get(start, min(start + BLOCK, self.size))])[0]

    def fetch(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> np.ndarray:
        """An array with the bytes at an offset, which is inside."""
        end = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self.content is not None:
            data = self.content[offset:end]
        elif (offset, end) == (0, self.size):
            data = together(self.store, [self.get(0, end)])[0]
        else:
            numbers = range(offset // BLOCK, -(-end // BLOCK))
            data = np.concatenate([self.block(n) for n in numbers])[offset - numbers[0] * BLOCK :][: end - offset]
        return (data if data.ctypes.data % dtype.itemsize == 0 else data.copy()).view(dtype).reshape(shape)

    map = fetch


class ObjectSink:
    """Gathers the keys of a new store, and puts them into a store object all at once. That cannot be undone, but the
    root is taken away first and put last: what is incomplete is no store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.entries: dict[str, bytes] = {}

    def put(self, key: str, parts: Iterable[bytes | memoryview], size: int, crc32: int | None = None) -> None:
        self.entries[key] = b"".join(parts)

    def finish(self) -> None:
        store, old = self.store, listed(self.store)
        buffer = default_buffer_prototype().buffer
        last = [key for key in self.entries if key == layout.METADATA]
        together(store, [store.delete(key) for key in last if key in old], writing=True)
        for keys in ([key for key in self.entries if key not in last], last):
            together(store, [store.set(key, buffer.from_bytes(self.entries[key])) for key in keys], writing=True)
        together(store, [store.delete(key) for key in old - self.entries.keys()], writing=True)


def refuse_others(store: Store) -> None:
    """A store that holds anything else is not written into (T308)."""
    ours = {layout.METADATA, f"{layout.COLUMNS}/", f"{layout.ARRAYS}/"}
    keys = listed(store)
    foreign = sorted(set(Names(keys)("")) - ours)
    if not foreign and layout.METADATA in keys:
        blob = Blob(store, layout.METADATA, together(store, [store.getsize(layout.METADATA)])[0])
        root = together(store, [blob.get(0, min(blob.size, layout.MOST_ROOT_BYTES))])[0]
        if f'"{layout.MARK}"'.encode() not in root.tobytes():
            foreign = [layout.METADATA]
    if foreign:
        raise TalonFileError(
            "T308",
            "only an empty store, or one with a talon graph, is written into",
            file=str(store),
            found=repr(foreign[0])[:200],
            help="give a store with another path",
        )


def listed(store: Store) -> set[str]:
    """All keys of a store."""

    async def gather() -> set[str]:
        found = set()
        async for key in store.list():
            found.add(key)
            if len(found) > MOST_KEYS:
                raise damaged("it has too many keys", f"at most {MOST_KEYS}")
        return found

    return together(store, [gather()])[0]


def together(store: Store, work: list[Coroutine[Any, Any, T]], writing: bool = False) -> list[T]:
    """The results of coroutines, some of which run at the same time. Whatever a store raises is one error (T301)."""

    async def gather() -> list[T]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(coroutine: Coroutine[Any, Any, T]) -> T:
            async with free:
                return await coroutine

        return await asyncio.gather(*map(one, work))

    try:
        return sync(gather()) if work else []
    except TalonError:
        raise
    except Exception as error:  # a store is anybody's, and may raise anything
        raise TalonFileError(
            "T301",
            f"the store cannot be {'written' if writing else 'read'}",
            file=str(store),
            found=f"{type(error).__name__}: {error}"[:300],
            help="check the store, its credentials and the connection; zarr.storage says how stores are made",
        ) from error
