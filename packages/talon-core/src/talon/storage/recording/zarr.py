"""Recordings as a zarr store in a folder, format 3, written without zarr: a file for each chunk."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from talon.storage.recording.columns import Column
from talon.storage.zarr.folder import FolderSink
from talon.storage.zarr.layout import array_metadata, encoded, group_metadata, metadata_key

LEVEL = 1
GZIP = {"name": "gzip", "configuration": {"level": LEVEL}}
SEPARATOR = "."
"""Of the numbers of a chunk; with slashes each chunk would take folders of its own."""
AXES = ("step", "sample")


class ZarrContainer:
    """An empty folder that becomes a store. The metadata comes last, when the number of steps is known."""

    def __init__(self, path: Path) -> None:
        self.sink = FolderSink(path)

    def put(self, place: str, column: Column, values: np.ndarray) -> None:
        sizes = column.chunk
        first = column.written // sizes[0]
        counts = [-(-length // size) for length, size in zip(values.shape, sizes, strict=True)]
        for at in product(*map(range, counts)):
            part = values[tuple(slice(i * size, (i + 1) * size) for i, size in zip(at, sizes, strict=True))]
            if part.shape != sizes:
                # Chunks at the edges are as large as all others.
                whole = np.zeros(sizes, part.dtype)
                whole[tuple(map(slice, part.shape))] = part
                part = whole
            data = np.ascontiguousarray(part, column.dtype.newbyteorder("<")).tobytes()
            if column.packed:
                data = gzip.compress(data, LEVEL, mtime=0)
            self.file(f"{place}/" + SEPARATOR.join(["c", str(first + at[0]), *map(str, at[1:])]), data)

    def finish(self, columns: Mapping[str, Column], said: Mapping[str, Any]) -> None:
        groups: dict[str, None] = {}
        for place, column in columns.items():
            parts = place.split("/")
            groups |= dict.fromkeys("/".join(parts[:depth]) for depth in range(1, len(parts)))
            described = array_metadata(column.dtype, (column.written, *column.shape), dict(column.said))
            described["chunk_grid"]["configuration"]["chunk_shape"] = list(column.chunk)
            described["chunk_key_encoding"]["configuration"]["separator"] = SEPARATOR
            described["dimension_names"] = [*AXES, *[None] * (len(column.shape) - 1)]
            described["codecs"] = [described["codecs"][0], *([GZIP] if column.packed else [])]
            self.file(metadata_key(place), encoded(described))
        for group in groups:
            self.file(metadata_key(group), encoded(group_metadata()))
        self.file(metadata_key(""), encoded(group_metadata(dict(said))))

    def close(self) -> None:
        """Nothing is open."""

    def file(self, key: str, data: bytes) -> None:
        self.sink.put(key, [data], len(data))
