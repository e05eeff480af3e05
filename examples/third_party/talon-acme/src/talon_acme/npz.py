"""Graphs as one `.npz` file: numpy's own format, an array a member, described by a header in strict JSON.

The first member, `talon_acme.npy`, holds the header as bytes, the others the arrays `0.npy`, `1.npy`, ... in the order
of the header's table. Members are stored uncompressed, so that no file can unpack into more than it is. `numpy.load`
opens such a file without pickle.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from talon import ir
from talon.ir.document import FORMAT, Document, EdgeRecord, NodeRecord
from talon_acme.values import pack, strict_json, unpack

HEADER = "talon_acme"
DTYPES = ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1")
LARGEST_HEADER = 1 << 28

Progress = Callable[[int, int], None]


class NpzBackend:
    """Implements `talon.storage.backend.Backend`; the same graph gives the same bytes."""

    suffixes = (".npz",)

    def recognises(self, path: Path, head: bytes) -> bool:
        name = f"{HEADER}.npy".encode()
        return head.startswith(b"PK\x03\x04") and head[30 : 30 + len(name)] == name

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        arrays: list[ir.ArrayRef] = []
        nodes = [
            {
                "path": record.path,
                "type": [record.type, record.provider, record.version, record.schema],
                "attrs": pack(record.attrs, arrays),
                "arrays": pack({name: ref for name, ref in record.arrays.items()}, arrays),
            }
            for record in document.nodes
        ]
        header = {
            "format": document.format,
            "writer": document.writer,
            "nodes": nodes,
            "edges": document.edges,
            "arrays": [[ref.dtype.newbyteorder("<").str, list(ref.shape)] for ref in arrays],
        }
        data = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
        with zipfile.ZipFile(path, "x") as archive:
            for number, (name, ref) in enumerate([(HEADER, ir.ArrayRef.of(data)), *enumerate(arrays)]):
                array = ref.load()
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
                    npy.write_array(file, little, version=(1, 0), allow_pickle=False)
                if progress is not None:
                    progress(number, len(arrays))

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        with refusing():
            archive, header = opened(path)
            refs = [
                ir.ArrayRef(legal(dtype), tuple(shape), partial(fetch, archive, str(number), legal(dtype), tuple(shape)))
                for number, (dtype, shape) in enumerate(header["arrays"])
            ]
            if not lazy:
                for number, ref in enumerate(refs):
                    refs[number] = ir.ArrayRef.of(ref.load())
                    if progress is not None:
                        progress(number + 1, len(refs))
            nodes = [
                NodeRecord(
                    row["path"],
                    *typed(row["type"]),
                    attrs=unpack(row["attrs"], refs, loaded=True),
                    arrays=unpack(row["arrays"], refs, loaded=False),
                )
                for row in header["nodes"]
            ]
            edges = [EdgeRecord(*row) for row in header["edges"]]
            return Document(header["format"], header["writer"], nodes, edges)

    def version(self, path: Path) -> str:
        with refusing():
            return str(opened(path)[1]["format"])
