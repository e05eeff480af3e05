"""Graphs as one `.npz` file: numpy's own format, an array a member, described by a header in strict JSON.

The first member, `talon_acme.npy`, holds the header as bytes, the others the arrays `0.npy`, `1.npy`, ... in the order
of the header's table. Members are stored uncompressed, so that no file can unpack into more than it is. `numpy.load`
opens such a file without pickle.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from talon import ir
from talon.ir.document import Document, EdgeRecord, NodeRecord, check_format

from talon_acme.strict import pack, refusing, strict_json, unpack, want

HEADER = "talon_acme"
DTYPES = ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1")

Progress = Callable[[int, int], None]


class NpzBackend:
    """Implements `talon.storage.backend.Backend`; the same graph gives the same bytes."""

    suffixes = (".npz",)

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"PK\x03\x04") and head[30:].startswith(f"{HEADER}.npy".encode())

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        arrays: list[ir.ArrayRef] = []
        nodes = [
            [r.path, r.type, r.provider, r.version, r.schema, pack(r.attrs, arrays), pack(r.arrays, arrays)]
            for r in document.nodes
        ]
        table = [[ref.dtype.newbyteorder("<").str, ref.shape] for ref in arrays]
        header = {"format": document.format, "writer": document.writer, "nodes": nodes, "edges": document.edges}
        data = np.frombuffer(json.dumps({**header, "arrays": table}, allow_nan=False).encode(), np.uint8)
        with zipfile.ZipFile(path, "x") as archive:
            for number, (name, ref) in enumerate([(HEADER, ir.ArrayRef.of(data)), *enumerate(arrays)]):
                array = ref.load().astype(ref.dtype.newbyteorder("<"), order="C", copy=False)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    npy.write_array(file, array, version=(1, 0), allow_pickle=False)
                if progress is not None:
                    progress(number, len(arrays))

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        with refusing(path):
            archive, header = opened(path)
            arrays = [reference(archive, number, *row) for number, row in enumerate(header["arrays"])]
            if not lazy:
                for number, ref in enumerate(arrays):
                    arrays[number] = ir.ArrayRef.of(ref.load())
                    if progress is not None:
                        progress(number + 1, len(arrays))
            nodes = [record(arrays, *row) for row in header["nodes"]]
            edges = [edge(*row) for row in header["edges"]]
            if not nodes:
                raise ValueError("the header lists no graph")
            return Document(header["format"], want(header["writer"], str), nodes, edges)

    def version(self, path: Path) -> str:
        with refusing(path):
            return str(opened(path)[1]["format"])


def opened(path: Path) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    """The archive, which is closed when the last reference into it is gone, and the header."""
    archive = zipfile.ZipFile(path)
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members) or size > path.stat().st_size:
        raise ValueError("members are compressed, or overlap")
    header = strict_json(fetch(archive, HEADER, "|u1", None).tobytes())
    if [member.filename for member in members] != [f"{n}.npy" for n in (HEADER, *range(len(header["arrays"])))]:
        raise ValueError("the members are not those that the header lists")
    check_format(want(header["format"], str), by="talon-acme")
    return archive, header


def reference(archive: zipfile.ZipFile, number: int, dtype: Any, shape: Any) -> ir.ArrayRef:
    """An array of the table, fetched when it is asked for."""
    if dtype not in DTYPES or not all(type(n) is int and n >= 0 for n in want(shape, list)):
        raise ValueError(f"an array of dtype {dtype!r:.20} and shape {shape!r:.80}")
    return ir.ArrayRef(dtype, tuple(shape), partial(fetch, archive, str(number), dtype, tuple(shape)))


def fetch(archive: zipfile.ZipFile, name: str, dtype: str, shape: tuple[int, ...] | None) -> np.ndarray:
    """The values of a member, which must be as the table says (`shape=None`: of any length)."""
    with refusing(Path(str(archive.filename))), archive.open(f"{name}.npy") as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{name}.npy is of another version of numpy's format")
        said, fortran, kind = npy.read_array_header_1_0(file)
        data = np.frombuffer(file.read(), np.dtype(dtype))
        if kind != np.dtype(dtype) or fortran or said != (data.shape if shape is None else shape):
            raise ValueError(f"{name}.npy holds {kind} {said}, the header says {dtype} {shape}")
        return data.reshape(said)


def record(arrays: list[ir.ArrayRef], path: Any, *row: Any) -> NodeRecord:
    kind, provider, version, schema, attrs, fields = row
    texts = [want(value, str) for value in (path, kind, provider, version)]
    values = want(unpack(attrs, arrays), dict)
    refs = {name: want(ref, ir.ArrayRef) for name, ref in want(unpack(fields, arrays, loaded=False), dict).items()}
    path, kind, provider, version = texts
    return NodeRecord(path, kind, provider, version, want(schema, int), values, refs)


def edge(level: Any, src: Any, dst: Any, delay: Any) -> EdgeRecord:
    if want(delay, int, type(None)) is not None and delay < 0:
        raise ValueError(f"an edge with delay {delay}")
    return EdgeRecord(want(level, str), want(src, str), want(dst, str), delay)
