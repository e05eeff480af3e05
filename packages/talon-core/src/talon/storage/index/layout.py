"""What an index holds, said once: the columns with what must be true of each, the codes in them, and the limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talon.ir.edges import MAX_DELAY

VERSION = 1
"""Version of the columns' layout, in the header."""

INLINE = 1024
"""Arrays of up to this many bytes stand in the index; larger ones wherever their `array.place` says."""
ALIGNMENT = 8
"""Columns and arrays in the index begin at multiples of this."""

MOST_INDEX_BYTES = 1 << 28
MOST_COLUMNS = 64
MOST_HEADER_BYTES = 1 << 16
MOST_RANK = 32
MOST_LENGTH = 1 << 40
MOST_ARRAY_BYTES = 1 << 50
"""Far beyond any array, and still exact as a float64, in which sizes are multiplied."""
LONGEST_NAME = 255
LONGEST_WORD = 255
LONGEST_SHARED = 256
"""Structured values of up to this many bytes are stored once however often they occur. A longer one may be referred to
only once, or a small file could say a long value a million times."""
MOST_PATH_BYTES = 4 << 20
MOST_PATH_BYTES_PER_NODE = 512
"""Paths repeat the names of all outer graphs: together they may take this much, plus this much a node."""

DTYPES = tuple(
    map(np.dtype, ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"))
)  # fmt: skip
"""What `array.dtype` counts in."""
BOOL = DTYPES.index(np.dtype(bool))

NONE, TRUTH, WHOLE, REAL, TEXT, VALUE = range(6)
"""What `attr.kind` says of `attr.value`: nothing, 0 or 1, an int64, the bits of a float64, the number of a text, the
number of a text that is a value in tagged JSON."""


@dataclass(frozen=True)
class Column:
    """A column `table.name`: all of a table have equal lengths.

    `refers`: a row of that table. `ends`: where each row's part of that heap ends. `ascending`: never falls.
    `most`: the largest value.
    """

    name: str
    dtype: str
    refers: str | None = None
    ends: str | None = None
    ascending: bool = False
    most: int | None = None

    @property
    def table(self) -> str:
        return self.name.partition(".")[0]


COLUMNS = (
    # Texts: names of nodes, words (types, fields, ports, distributions), values. A heap is a table of bytes.
    Column("node.name", "<u4", ends="names"),
    Column("names.byte", "|u1"),
    Column("word.end", "<u4", ends="words"),
    Column("words.byte", "|u1"),
    Column("text.end", "<u8", ends="texts"),
    Column("texts.byte", "|u1"),
    # Nodes, outer ones before inner ones; the first is the outermost graph.
    Column("type.name", "<u4", refers="word"),
    Column("type.provider", "<u4", refers="word"),
    Column("type.version", "<u4", refers="word"),
    Column("type.schema", "<u4", most=1 << 30),
    Column("node.parent", "<u4", refers="node"),
    Column("node.type", "<u4", refers="type"),
    # Attributes
    Column("attr.node", "<u4", refers="node", ascending=True),
    Column("attr.name", "<u4", refers="word"),
    Column("attr.kind", "|u1", most=VALUE),
    Column("attr.value", "<u8"),
    # Arrays: place 0 is in `data`, one after the other; any other is an offset in the file.
    Column("array.node", "<u4", refers="node", ascending=True),
    Column("array.field", "<u4", refers="word"),
    Column("array.dtype", "|u1", most=len(DTYPES) - 1),
    Column("array.rank", "|u1", most=MOST_RANK),
    Column("array.crc32", "<u4"),
    Column("array.place", "<u8", most=1 << 62),
    Column("axis.length", "<u8", most=MOST_LENGTH),
    Column("data.byte", "|u1"),
    # Edges in order, level by level; port "" is the one that need not be said, delay -1 is unstated.
    Column("edge.level", "<u4", refers="node", ascending=True),
    Column("edge.src", "<u4", refers="node"),
    Column("edge.src_port", "<u4", refers="word"),
    Column("edge.dst", "<u4", refers="node"),
    Column("edge.dst_port", "<u4", refers="word"),
    Column("edge.delay", "<i8", most=MAX_DELAY - 1),
)


def aligned(size: int, to: int = ALIGNMENT) -> int:
    """The next multiple of `to`."""
    return -(-size // to) * to
