"""Graphs as one safetensors file: every array a tensor named after its node and field, all else in the metadata.

The one entry of `__metadata__`, `talon`, is a crc32 in hex and the text that it is of: strict JSON with the nodes,
their attributes, their tensors with dtype, shape and crc32, and the edges.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from talon import ir
from talon.ir.document import Document, EdgeRecord, NodeRecord, check_format
from talon.storage.tagged import DEEPEST_JSON, strict_json, tagged, untagged

KEY = "talon"
DTYPES = ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1")

Progress = Callable[[int, int], None]


class SafetensorsBackend:
    """Implements `talon.storage.backend.Backend`; the same graph gives the same bytes."""

    suffixes = (".talon.safetensors",)

    def recognises(self, path: Path, head: bytes) -> bool:
        return head[8:].startswith(f'{{"__metadata__":{{"{KEY}":"'.encode())

    def write(self, document: Document, path: Path, progress: Progress | None) -> None:
        tensors: dict[str, np.ndarray] = {}
        nodes = []
        for number, record in enumerate(document.nodes, 1):
            table = {}
            for field, ref in record.arrays.items():
                # safetensors takes the memory as it lies, in whatever order that is.
                array = np.asarray(ref.load(), ref.dtype.newbyteorder("<"), order="C")
                name = f"{record.path}/{field}"
                while name in tensors:
                    name += "'"
                tensors[name] = array
                table[field] = [name, array.dtype.str, array.shape, zlib.crc32(array.tobytes())]
            said = (record.path, record.type, record.provider, record.version, record.schema)
            nodes.append([*said, tagged(record.attrs), table])
            if progress is not None:
                progress(number, len(document.nodes))
        header = {"format": document.format, "writer": document.writer, "nodes": nodes, "edges": document.edges}
        text = json.dumps(header, allow_nan=False)
        save_file(tensors, path, {KEY: f"{zlib.crc32(text.encode()):08x}{text}"})

    def read(self, path: Path, lazy: bool, progress: Progress | None) -> Document:
        with refusing(path):
            file, header = opened(path)
            nodes = []
            for number, row in enumerate(header["nodes"], 1):
                nodes.append(node(path, file, *row))
                if not lazy:
                    nodes[-1].arrays = {name: ir.ArrayRef.of(ref.load()) for name, ref in nodes[-1].arrays.items()}
                if progress is not None:
                    progress(number, len(header["nodes"]))
            if not nodes:
                raise ValueError("the metadata list no graph")
            edges = [edge(*row) for row in header["edges"]]
            return Document(header["format"], want(str, header["writer"]), nodes, edges)

    def version(self, path: Path) -> str:
        with refusing(path):
            return str(opened(path)[1]["format"])


def opened(path: Path) -> tuple[Any, dict[str, Any]]:
    """The file, which stays mapped until the last reference into it is gone, and the header."""
    file: Any = safe_open(path, framework="np")
    said = file.metadata()[KEY]
    if said[:8] != f"{zlib.crc32(said[8:].encode()):08x}":
        raise ValueError("the metadata are not what was written")
    header = strict_json(said[8:], "the metadata", DEEPEST_JSON)
    check_format(want(str, header["format"]), by="talon-safetensors")
    return file, header


def node(path: Path, file: Any, *row: Any) -> NodeRecord:
    (name, kind, provider, version), (schema, attrs, table) = (want(str, text) for text in row[:4]), row[4:]
    record = NodeRecord(name, kind, provider, version, want(int, schema), want(dict, untagged(attrs, "a node")))
    for field, (tensor, dtype, shape, crc32) in want(dict, table).items():
        if dtype not in DTYPES or min([want(int, n) for n in shape], default=0) < 0:
            raise ValueError(f"a tensor of dtype {dtype!r:.20} and shape {shape!r:.80}")
        load = partial(fetch, path, file, tensor, dtype, shape, crc32)
        record.arrays[field] = ir.ArrayRef(dtype, tuple(shape), load)
    return record


def fetch(path: Path, file: Any, tensor: str, dtype: str, shape: list[int], crc32: int) -> np.ndarray:
    """The values of a tensor, which must be those that the metadata tell of."""
    with refusing(path):
        array: np.ndarray = file.get_tensor(tensor)
        data = array.tobytes()
        if (array.dtype.str, [*array.shape], zlib.crc32(data)) != (dtype, shape, crc32):
            raise ValueError(f"the tensor {tensor!r} is not what was written")
        if dtype == "|b1" and data.translate(None, b"\0\1"):
            raise ValueError(f"the tensor {tensor!r} holds bools that are neither")
        return array


def edge(level: Any, src: Any, dst: Any, delay: Any) -> EdgeRecord:
    if delay is not None and want(int, delay) < 0:
        raise ValueError(f"an edge with delay {delay}")
    return EdgeRecord(want(str, level), want(str, src), want(str, dst), delay)


def want(kind: type, value: Any) -> Any:
    """The value, if it is of exactly this type."""
    if type(value) is not kind:
        raise TypeError(f"{value!r:.60} in place of a {kind.__name__}")
    return value


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever a damaged or hostile file leads to is one `TalonFormatError` that names it."""
    try:
        yield
    except ir.TalonError as error:
        raise error.at(file=str(path)) from error.__cause__
    except Exception as error:
        found = f"{type(error).__name__}: {error}"[:200]
        raise ir.TalonFormatError(
            "T303", "the safetensors file is damaged", file=str(path), found=found, help="get an undamaged copy"
        ) from error
