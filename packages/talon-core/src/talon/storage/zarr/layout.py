"""What stands under which key of a store, and the metadata that each array and group has.

    columns/NAME      a column of the index, each with the type that `storage.index.layout` says
    arrays/pool       arrays of more than 1 KiB and less than 64 KiB, one after the other
    arrays/1, 2, ...  larger ones, each with its own shape and type
    zarr.json         the root: format, writer, and the sha256 of all columns

Smaller arrays stand in the column `data.byte`. Every array is one chunk: its bytes, little endian, and their crc32c.
That of the pool is for other tools: an array in it is read without the others, and proved by its crc32 in the columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.storage.index.arrays import MAPPED
from talon.storage.index.layout import ALIGNMENT, INLINE, VERSION

METADATA = "zarr.json"
COLUMNS, ARRAYS, POOL = "columns", "arrays", "pool"
MARK = "talon"
"""The attribute of the root that makes a store ours."""
OWN = MAPPED
"""Arrays of at least this many bytes are zarr arrays of their own."""
MOST_ROOT_BYTES = 1 << 22
"""The root is larger than other metadata where zarr has gathered that of all arrays in it."""
CHECK = np.dtype("<u4")
"""The crc32c behind the bytes of a chunk."""

Json = dict[str, Any]


def chunk_key(path: str, rank: int) -> str:
    """The key of the only chunk of an array."""
    return f"{path}/c" + "/0" * rank


def metadata_key(path: str) -> str:
    return f"{path}/{METADATA}" if path else METADATA


def places(nbytes: np.ndarray) -> np.ndarray:
    """What `array.place` must be for arrays of these sizes: 0 in `data.byte`, 1 + the offset in the pool, or the number
    of an array of its own."""
    own = nbytes >= OWN
    pooled = (nbytes > INLINE) & ~own
    found = np.zeros(len(nbytes), np.int64)
    found[own] = np.arange(1, np.count_nonzero(own) + 1)
    taken = room(nbytes[pooled])
    found[pooled] = 1 + np.cumsum(taken) - taken
    return found


def room(nbytes: np.ndarray) -> np.ndarray:
    """How many bytes of the pool arrays of these sizes take."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def pool_size(nbytes: np.ndarray) -> int:
    return int(room(nbytes[(nbytes > INLINE) & (nbytes < OWN)]).sum())


def array_metadata(dtype: np.dtype[Any], shape: tuple[int, ...], attributes: Json | None = None) -> Json:
    """The metadata of an array."""
    endian = {"configuration": {"endian": "little"}} if dtype.itemsize > 1 else {}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "attributes": attributes or {},
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [max(1, n) for n in shape]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": dtype.type(0).item(),
        "codecs": [{"name": "bytes", **endian}, {"name": "crc32c"}],
        "storage_transformers": [],
    }


def own_metadata(dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> Json:
    """The metadata of an array of its own, which says for other tools whose it is."""
    return array_metadata(dtype, shape, {"field": where})


def group_metadata(attributes: Json | None = None) -> Json:
    """The metadata of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}


def mark(format: str, writer: str, columns: Mapping[str, np.ndarray]) -> Json:
    """What the root says of a store."""
    return {"index": VERSION, "format": format, "writer": writer, "sha256": digest(format, writer, columns)}


def digest(format: str, writer: str, columns: Mapping[str, np.ndarray]) -> str:
    """The hash that binds the root and the columns together: a mixture of two stores is neither."""
    listed = [[name, columns[name].dtype.str, len(columns[name])] for name in sorted(columns)]
    found = hashlib.sha256(encoded([VERSION, format, writer, listed]))
    for name in sorted(columns):
        found.update(np.ascontiguousarray(columns[name]).data)
    return found.hexdigest()


def encoded(value: Any) -> bytes:
    """JSON of which equal values give equal bytes."""
    return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
