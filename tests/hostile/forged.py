"""Files with an index that somebody forged: columns, header, hash and footer changed at will, the rest put right."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from talon import ir
from talon.storage.index import footer, packing
from talon.storage.index.layout import COLUMNS, aligned

Columns = dict[str, np.ndarray]
SECONDS = 2.0
MEGABYTES = 200
FOOTER = struct.Struct("<8sQQQ32s")


def honest() -> ir.Graph:
    """A small graph with something in every column: nesting, ports, delays, all kinds of values, arrays in and out."""
    rng = np.random.default_rng(1)
    inner = ir.Graph.chain(input=ir.Input([4]), lif=ir.LIF(np.float32(2), 1.0, 0.0, 1.0), output=ir.Output([4]))
    return ir.Graph(
        {
            "in": ir.Input([20], core_id=3, precision="int4"),
            "big": ir.Affine(rng.standard_normal((150, 20)).astype(np.float32), np.ones(150, np.float32)),
            "wide": ir.Affine(rng.standard_normal((115, 150)).astype(np.float32)),
            "mask": ir.Affine.restore({"weight": np.eye(40, dtype=bool)}),
            "small": ir.Affine(rng.standard_normal((4, 4)), metadata={"n\u00f6te": (1, None, {"deep": [2.5]})}),
            "split": ir.ChannelSplit((1, 3)),
            "sub": inner,
            "\u00e9": ir.Output([4], metadata={"long": "x" * 300}),
            "end": ir.Output([3]),
        },
        [
            ("in", "big"),
            ("big", "wide"),
            ir.Edge("small", "split", delay=2),
            ("split:1", "end"),
            ("sub", "\u00e9"),
        ],
        dt=0.001,
        allow_cycles=True,
        metadata={"who": "us"},
    )


@cache
def original() -> tuple[bytes, bytes]:
    """The tree and the index of the honest file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "honest.t1c"
        ir.write(path, honest())
        content = path.read_bytes()
    _, offset, length, _, _ = FOOTER.unpack(content[-FOOTER.size :])
    return content[:offset], content[offset : offset + length]


def columns() -> Columns:
    """The honest columns, to be changed."""
    index = original()[1]
    return {name: column.copy() for name, column in packing.unpack(index, packing.header_of(index)).items()}


def with_footer(index: bytes, **changes: Any) -> bytes:
    """A file with the honest tree, any index, and a footer that is right but for the changes."""
    tree = original()[0]
    fields = {
        "magic": footer.MAGIC,
        "offset": len(tree),
        "length": len(index),
        "file_length": len(tree) + len(index) + FOOTER.size,
        "sha256": hashlib.sha256(index).digest(),
    } | changes
    return tree + index + FOOTER.pack(*fields.values())


def packed(changed: Columns) -> bytes:
    """The index of columns, packed as an honest writer would."""
    header = packing.header_of(original()[1])
    return packing.pack(header.format, header.writer, changed)


def with_columns(change: Callable[[Columns], object]) -> bytes:
    """A file whose columns were changed."""
    found = columns()
    change(found)
    return with_footer(packed(found))


def reindexed(content: bytes, change: Callable[[Columns], object]) -> bytes:
    """Any file with an index, whose columns were changed and all sums put right."""
    _, offset, length, _, _ = FOOTER.unpack(content[-FOOTER.size :])
    index = content[offset : offset + length]
    header = packing.header_of(index)
    changed = {name: column.copy() for name, column in packing.unpack(index, header).items()}
    change(changed)
    index = packing.pack(header.format, header.writer, changed)
    size = offset + len(index) + FOOTER.size
    ends = FOOTER.pack(footer.MAGIC, offset, len(index), size, hashlib.sha256(index).digest())
    return content[:offset] + index + ends


def with_header(
    change: Callable[[dict[str, Any]], object] | None = None, text: bytes | None = None, length: int = 0
) -> bytes:
    """A file whose header was changed, or is another text, of a length; the columns behind it are the honest ones."""
    index = original()[1]
    honest_length = int.from_bytes(index[:8], "little")
    header = json.loads(index[8 : 8 + honest_length])
    body = index[8 + honest_length :]
    length = length or honest_length
    if text is None:
        if change is not None:
            change(header)
        text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(max(length, aligned(len(text))))
    return with_footer(len(text).to_bytes(8, "little") + text + body)


def texts(changed: Columns, ends: str, heap: str) -> list[bytes]:
    bounds = [0, *changed[ends].tolist()]
    data = changed[heap].tobytes()
    return [data[a:b] for a, b in pairwise(bounds)]


def put_texts(changed: Columns, ends: str, heap: str, parts: list[bytes]) -> None:
    """Other texts in a heap, with ends to match."""
    dtype = next(column.dtype for column in COLUMNS if column.name == ends)
    changed[ends] = np.cumsum([len(part) for part in parts]).astype(dtype)
    changed[heap] = np.frombuffer(b"".join(parts), np.uint8)


@contextlib.contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forged.t1c"
        path.write_bytes(content)
        yield path


def everything_of(path: Path) -> ir.Graph:
    """All that a user may ask of a file."""
    ir.read_version(path)
    found = ir.info(path)
    repr(found)
    for node in found.nodes:
        repr(node.attrs)
    list(found.edges)
    graph = ir.read(path)
    graph.load()
    repr(graph)
    return graph


def refusal(path: Path) -> ir.TalonError | None:
    """The error of whatever a user may ask of a file or store, which names it."""
    try:
        everything_of(path)
    except ir.TalonError as error:
        found = error
    else:
        return None
    assert found.diagnostic.file == str(path), found
    return found


def refused(path: Path, code: str, word: str, ask: Callable[[Path], ir.TalonError | None] = refusal) -> ir.TalonError:
    """One error of this code and with this word, in time and memory. `ask` gives the error of what a user may do."""
    tracemalloc.start()
    start = time.perf_counter()
    try:
        error = ask(path)
        seconds, megabytes = time.perf_counter() - start, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert error is not None, "it was read"
    assert error.code.startswith(code), error
    assert word in str(error), error
    assert len(str(error)) < 2000, "the message repeats the attack"
    assert seconds < SECONDS
    assert megabytes < MEGABYTES
    return error


def of_a_newer_minor() -> bytes:
    """A file as a later 1.x may write it: one more column, and one more key in the header."""
    longer = 64

    def change(h: dict[str, Any]) -> None:
        h |= {"format": "1.9", "more": 1}
        for column in h["columns"]:
            column[2] += longer
        _, _, offset, count = h["columns"][-1]
        h["columns"].append(["node.colour", "<u4", offset + 8 * count, 0])

    return with_header(change, length=int.from_bytes(original()[1][:8], "little") + longer)
