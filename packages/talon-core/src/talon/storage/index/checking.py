"""Columns that anybody may have written -> tables that hold together, or one `TalonFormatError`.

Nothing is believed before it is checked, and checking takes numpy one pass a column: no node becomes an object here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from talon.ir.errors import TalonFormatError
from talon.ir.values import MAX_DEPTH
from talon.storage.index import layout
from talon.storage.index.layout import COLUMNS, DTYPES, INLINE
from talon.storage.tagged import DEEPEST_JSON, strict_value, untagged

DAMAGED = "the index of the file is damaged: "


def damaged(what: str, expected: object = None, found: object = None, node: str | None = None) -> TalonFormatError:
    """The index does not hold together."""
    return TalonFormatError(
        "T303",
        DAMAGED + what,
        node=node,
        expected=expected,
        found=found,
        help="get an undamaged copy",
    )


@dataclass(slots=True)
class Texts:
    """What the heaps hold: names of nodes, words, values; and the structured values by the number of their text."""

    names: list[str]
    words: list[str]
    texts: list[str]
    values: dict[int, Any]


@dataclass(slots=True)
class Arrays:
    """What follows from the columns of arrays. `axes`: where each shape begins; `inside`: where in `data`, or -1."""

    axes: np.ndarray
    sizes: np.ndarray
    nbytes: np.ndarray
    inside: np.ndarray


class Tables:
    """Columns that were checked. Made by `checked`."""

    def __init__(self, columns: Mapping[str, np.ndarray], texts: Texts, arrays: Arrays) -> None:
        self.columns = columns
        self.texts = texts
        self.arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @cached_property
    def kinds(self) -> list[str]:
        """The name of every row of the table of types."""
        words = self.texts.words
        return [words[i] for i in self["type.name"].tolist()]

    @cached_property
    def paths(self) -> list[str]:
        """The path of every node."""
        found: list[str] = [""]
        names = self.texts.names
        for row, parent in enumerate(self["node.parent"].tolist()[1:], 1):
            found.append(f"{found[parent]}/{names[row]}" if parent else names[row])
        return found

    def path(self, row: int) -> str:
        """The path of one node, where an error needs it."""
        parts = []
        while row:
            parts.append(self.texts.names[row])
            row = int(self["node.parent"][row])
        return "/".join(reversed(parts))


def checked(columns: Mapping[str, np.ndarray]) -> Tables:
    """The tables of columns, when all is true that the layout says of them, and what it cannot say."""
    check_columns(columns)
    if not len(columns["node.type"]):
        raise damaged("it holds no graph", "at least the outermost graph", "no node")
    texts = Texts(
        split(columns, "node.name", layout.LONGEST_NAME),
        split(columns, "word.end", layout.LONGEST_WORD),
        split(columns, "text.end", None),
        {},
    )
    is_graph = np.array([texts.words[i] == "Graph" for i in columns["type.name"].tolist()], bool)
    is_graph = is_graph[columns["node.type"]]
    check_nodes(columns, texts, is_graph)
    check_words(texts.words)
    tables = Tables(columns, texts, check_arrays(columns))
    check_fields(tables)
    check_edges(columns, is_graph)
    return tables


def check_columns(columns: Mapping[str, np.ndarray]) -> None:
    """What the layout says of each column by itself."""
    lengths: dict[str, int] = {}
    for column in COLUMNS:
        found = columns[column.name]
        if lengths.setdefault(column.table, len(found)) != len(found):
            raise damaged(f"the column {column.name!r} has another length", lengths[column.table], len(found))
    for column in COLUMNS:
        found = columns[column.name]
        if column.ends is not None:
            size = lengths[column.ends]
            if (int(found[-1]) if len(found) else 0) != size:
                raise damaged(f"{column.name!r} does not end with its texts", size, found[-1:].tolist())
        if (column.ends is not None or column.ascending) and (found[1:] < found[:-1]).any():
            raise damaged(f"the column {column.name!r} does not ascend")
        most = column.most if column.refers is None else lengths[column.refers] - 1
        if most is not None and len(found) and (high := int(found.max())) > most:
            raise damaged(f"the column {column.name!r} has a value that is too large", f"at most {most}", high)


def split(columns: Mapping[str, np.ndarray], name: str, longest: int | None) -> list[str]:
    """The texts of a heap. `longest`: most characters of each."""
    ends = columns[name]
    heap = name_of_heap(name)
    data = columns[f"{heap}.byte"].tobytes()
    bounds = [0, *ends.tolist()]
    try:
        if data.isascii():
            text = data.decode("ascii")
            found = [text[a:b] for a, b in pairwise(bounds)]
        else:
            found = [data[a:b].decode() for a, b in pairwise(bounds)]
            text = "".join(found)
    except UnicodeDecodeError as error:
        raise damaged(f"{heap} are not UTF-8", found=str(error)) from None
    if longest is not None:
        if not text.isprintable():
            raise damaged(f"{heap} have characters that cannot be printed", "printable characters")
        if (size := max(map(len, found), default=0)) > longest:
            raise damaged(f"one of {heap} is too long", f"at most {longest} characters", size)
    return found


def name_of_heap(name: str) -> str:
    return next(column.ends for column in COLUMNS if column.name == name and column.ends is not None)


def check_nodes(columns: Mapping[str, np.ndarray], texts: Texts, is_graph: np.ndarray) -> None:
    """One tree of graphs, not too deep, whose nodes have different names."""
    parents, names = columns["node.parent"], texts.names
    rows = np.arange(len(parents), dtype=parents.dtype)
    if parents[0] or names[0] or not is_graph[0]:
        raise damaged("its first node is not the outermost graph", "a Graph without a name", repr(names[0]))
    if (parents[1:] >= rows[1:]).any():
        raise damaged("a node stands before the graph that holds it")
    if not is_graph[parents].all():
        row = int(np.flatnonzero(~is_graph[parents])[0])
        raise damaged("a node stands inside one that is no graph", node=names[row])
    lengths = np.diff(columns["node.name"].astype(np.int64), prepend=0)
    if not lengths[1:].all():
        raise damaged("a node has no name")
    depth, total, above = 0, int(lengths.sum()), parents
    while above.any():
        depth += 1
        if depth > MAX_DEPTH:
            raise damaged("graphs are nested too deeply", f"at most {MAX_DEPTH} levels", f"more than {MAX_DEPTH}")
        total += int(lengths[above].sum())
        above = parents[above]
    allowed = layout.MOST_PATH_BYTES + layout.MOST_PATH_BYTES_PER_NODE * len(names)
    if total > allowed:
        raise damaged("the paths of its nodes are too long", f"at most {allowed} bytes in all", total)
    text = "".join(names)
    if "/" in text or ":" in text or "." in names:
        bad = next(name for name in names if "/" in name or ":" in name or name == ".")
        raise damaged("a node has a name that none can have", "no ':' and '/', and not '.' alone", repr(bad))
    if not text.isascii():
        names = [unicodedata.normalize("NFC", name) for name in names]
    if depth == 0:
        unique = len(set(names)) == len(names)
    else:
        unique = len(set(zip(parents.tolist(), names, strict=True))) == len(names)
    if not unique:
        seen: set[tuple[int, str]] = set()
        for key in zip(parents.tolist(), names, strict=True):
            if key in seen:
                raise damaged("two nodes of a graph have the same name", "different names", repr(key[1]))
            seen.add(key)


def check_words(words: list[str]) -> None:
    """Different words, also to the eye: then equal ones have equal numbers. Number 0 is no word: the default port."""
    if words[0]:
        raise damaged("its first word is not the empty one", "''", repr(words[0]))
    if len({unicodedata.normalize("NFC", word) for word in words}) < len(words):
        raise damaged("a word stands twice", "each type, field, port and distribution once")


def check_arrays(columns: Mapping[str, np.ndarray]) -> Arrays:
    """Shapes bounded before they are multiplied; what is small, and it alone, may stand in the index."""
    ranks = columns["array.rank"].astype(np.int64)
    lengths = columns["axis.length"]
    if int(ranks.sum()) != len(lengths):
        raise damaged("its shapes have other ranks", int(ranks.sum()), len(lengths))
    axes = np.concatenate([[0], np.cumsum(ranks)])
    spans, sizes = np.ones(len(ranks)), np.ones(len(ranks), np.int64)
    some = ranks > 0
    with np.errstate(over="ignore"):
        if some.any():
            spans[some] = np.multiply.reduceat(np.maximum(lengths, 1).astype(np.float64), axes[:-1][some])
        widths = np.array([dtype.itemsize for dtype in DTYPES])[columns["array.dtype"]]
        if len(spans) and (large := (spans * widths).max()) > layout.MOST_ARRAY_BYTES:
            raise damaged("an array is too large", f"at most {layout.MOST_ARRAY_BYTES} bytes", f"{large:.3g} bytes")
    if some.any():
        sizes[some] = np.multiply.reduceat(lengths.astype(np.int64), axes[:-1][some])
    nbytes = sizes * widths
    outside = columns["array.place"] != 0
    if (outside & (nbytes <= INLINE)).any():
        raise damaged("a small array stands outside the index", f"arrays of up to {INLINE} bytes inside")
    taken = np.where(outside, 0, -(-nbytes // layout.ALIGNMENT) * layout.ALIGNMENT)
    # No sum can overflow: each is below 2**51, and there are fewer than 2**28.
    if float(taken.sum(dtype=np.float64)) > layout.MOST_INDEX_BYTES or int(taken.sum()) != len(columns["data.byte"]):
        raise damaged("the arrays in it have other sizes", f"{len(columns['data.byte'])} bytes", f"{taken.sum()} bytes")
    return Arrays(axes, sizes, nbytes, np.where(outside, -1, np.cumsum(taken) - taken))


def check_places(tables: Tables, first: int, end: int, alignment: int) -> None:
    """Arrays outside the index: inside the file, aligned, and none over another."""
    outside = tables.arrays.inside < 0
    starts = tables["array.place"][outside].astype(np.int64)
    ends = starts + tables.arrays.nbytes[outside]
    if not len(starts):
        return
    wrong = (starts < first) | (ends > end) | (starts % alignment != 0)
    if wrong.any():
        raise misplaced(tables, outside, wrong, "is not inside the file", f"a multiple of {alignment} below {end}")
    order = np.argsort(starts, kind="stable")
    over = np.zeros(len(starts), bool)
    over[order[1:]] = starts[order][1:] < ends[order][:-1]
    if over.any():
        raise misplaced(tables, outside, over, "lies over another one", "bytes of its own")


def misplaced(tables: Tables, outside: np.ndarray, wrong: np.ndarray, what: str, expected: str) -> TalonFormatError:
    row = int(np.flatnonzero(outside)[np.flatnonzero(wrong)[0]])
    field = tables.texts.words[int(tables["array.field"][row])]
    place, size = int(tables["array.place"][row]), int(tables.arrays.nbytes[row])
    path = tables.path(int(tables["array.node"][row]))
    return damaged(f"the array {field!r} {what}", expected, f"{size} bytes at {place}", node=path or None)


def check_fields(tables: Tables) -> None:
    """No field twice on a node, and values that are what their kind says."""
    texts, columns = tables.texts, tables.columns
    owners = np.concatenate([columns["attr.node"], columns["array.node"]]).astype(np.uint64)
    fields = np.concatenate([columns["attr.name"], columns["array.field"]]).astype(np.uint64)
    keys = np.sort(owners << np.uint64(32) | fields)
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        owner, field = divmod(int(keys[twice[0]]), 1 << 32)
        raise damaged(f"the field {texts.words[field]!r} stands twice", node=tables.path(owner) or None)
    kinds, values = columns["attr.kind"], columns["attr.value"]
    most = np.full(layout.VALUE + 1, (1 << 64) - 1, np.uint64)
    most[layout.NONE], most[layout.TRUTH] = 0, 1
    most[layout.TEXT] = most[layout.VALUE] = max(len(texts.texts) - 1, 0)
    textual = kinds >= layout.TEXT
    wrong = (values > most[kinds]) | (textual & (not texts.texts))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        node = tables.path(int(columns["attr.node"][row]))
        name = texts.words[int(columns["attr.name"][row])]
        raise damaged(f"the value of {name!r} is not of its kind", found=int(values[row]), node=node or None)
    used, times = np.unique(values[kinds == layout.VALUE], return_counts=True)
    for number, count in zip(used.tolist(), times.tolist(), strict=True):
        text = texts.texts[number]
        if count > 1 and len(text) > layout.LONGEST_SHARED:
            raise damaged("a long value is used more than once", f"at most {layout.LONGEST_SHARED} bytes", len(text))
        texts.values[number] = untagged(strict_value(text, "a value in the index", DEEPEST_JSON), "the index")


def check_edges(columns: Mapping[str, np.ndarray], is_graph: np.ndarray) -> None:
    """Edges join nodes of the graph they are in."""
    level, parents = columns["edge.level"], columns["node.parent"]
    if not is_graph[level].all():
        raise damaged("an edge is in something that is no graph")
    for end in ("edge.src", "edge.dst"):
        rows = columns[end]
        if ((parents[rows] != level) | (rows == 0)).any():
            raise damaged("an edge leads out of its graph", "two nodes of one graph")
    delays = columns["edge.delay"]
    if len(delays) and int(delays.min()) < -1:
        raise damaged("an edge has a negative delay", "-1 (unstated), 0, 1, ...", int(delays.min()))
