"""Indexes that lie. Each attack is one `TalonError`, quickly, in bounded memory: a table of what is forged and said.

Hash and footer are right unless they are what is forged, so that the checks behind them are reached.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.storage.index import layout
from talon.storage.index.layout import COLUMNS
from tests.hostile import forged
from tests.hostile.forged import Columns, put_texts, texts, with_columns, with_footer, with_header


def tree() -> bytes:
    return forged.original()[0]


def index() -> bytes:
    return forged.original()[1]


def nodes() -> int:
    return len(forged.columns()["node.type"])


def setting(name: str, row: int, value: int) -> Callable[[], bytes]:
    """One value of a column."""

    def change(c: Columns) -> None:
        c[name][row] = value

    return lambda: with_columns(change)


def replaced(name: str, make: Callable[[np.ndarray], Any]) -> Callable[[], bytes]:
    """A whole column, of the same type."""

    def change(c: Columns) -> None:
        c[name] = np.asarray(make(c[name]), c[name].dtype)

    return lambda: with_columns(change)


def attr(kind: int, value: int | None = None) -> Callable[[], bytes]:
    """The first attribute of another kind."""

    def change(c: Columns) -> None:
        c["attr.kind"][0] = kind
        if value is not None:
            c["attr.value"][0] = value

    return lambda: with_columns(change)


def named(row: int, name: bytes) -> Callable[[], bytes]:
    def change(c: Columns) -> None:
        parts = texts(c, "node.name", "names.byte")
        parts[row] = name
        put_texts(c, "node.name", "names.byte", parts)

    return lambda: with_columns(change)


def word(old: bytes, new: bytes) -> Callable[[], bytes]:
    def change(c: Columns) -> None:
        parts = texts(c, "word.end", "words.byte")
        parts[parts.index(old)] = new
        put_texts(c, "word.end", "words.byte", parts)

    return lambda: with_columns(change)


def value(text: str | bytes, times: int = 1) -> Callable[[], bytes]:
    """A structured value as an attribute, in this JSON, used so many times."""

    def change(c: Columns) -> None:
        parts = texts(c, "text.end", "texts.byte")
        parts.append(text if isinstance(text, bytes) else text.encode())
        put_texts(c, "text.end", "texts.byte", parts)
        c["attr.kind"][:times] = layout.VALUE
        c["attr.value"][:times] = len(parts) - 1

    return lambda: with_columns(change)


def shape(rank: int, *lengths: int) -> Callable[[], bytes]:
    """The first array with another shape."""

    def change(c: Columns) -> None:
        old = int(c["array.rank"][0])
        c["array.rank"][0] = rank
        c["axis.length"] = np.array([*lengths, *c["axis.length"][old:]], "<u8")

    return lambda: with_columns(change)


def outside(c: Columns) -> list[int]:
    return np.flatnonzero(c["array.place"]).tolist()


def place(make: Callable[[Columns, list[int]], int]) -> Callable[[], bytes]:
    """The second large array at another place."""

    def change(c: Columns) -> None:
        c["array.place"][outside(c)[1]] = make(c, outside(c))

    return lambda: with_columns(change)


def inlined_elsewhere(c: Columns) -> None:
    c["array.place"][int(np.flatnonzero(c["array.place"] == 0)[0])] = 64


def truths(c: Columns) -> None:
    """The first array as four times as many bytes that are no truth values, with the crc32 that they have."""
    c["array.dtype"][0] = layout.BOOL
    c["axis.length"][1] *= 4


def moved_a_little(c: Columns) -> None:
    c["array.place"][outside(c)[-1]] += np.uint64(64)


def nested(levels: int) -> Callable[[], bytes]:
    """A chain of graphs in graphs."""

    def change(c: Columns) -> None:
        count = len(c["node.parent"])
        kind = int(c["node.type"][0])
        inner = np.array([0, *range(count, count + levels - 1)], "<u4")
        c["node.parent"] = np.concatenate([c["node.parent"], inner])
        c["node.type"] = np.concatenate([c["node.type"], np.full(levels, kind, "<u4")])
        parts = texts(c, "node.name", "names.byte") + [b"deeper"] * levels
        put_texts(c, "node.name", "names.byte", parts)

    return lambda: with_columns(change)


def long_paths(c: Columns) -> None:
    """Thirty graphs in one another with long names, and thousands of nodes in the innermost: paths of 8 KB each."""
    count, levels, leaves = len(c["node.parent"]), 30, 3000
    kind = int(c["node.type"][0])
    last = count + levels - 1
    parents = [0, *range(count, last), *[last] * leaves]
    c["node.parent"] = np.concatenate([c["node.parent"], np.array(parents, "<u4")])
    c["node.type"] = np.concatenate([c["node.type"], np.full(levels + leaves, kind, "<u4")])
    long = [b"%c" % (97 + i % 26) * 255 for i in range(levels)]
    parts = texts(c, "node.name", "names.byte") + long + [b"%d" % i for i in range(leaves)]
    put_texts(c, "node.name", "names.byte", parts)


def graph_in_a_layer(c: Columns) -> None:
    c["node.parent"][4] = 2


def edge(end: str, row: int) -> Callable[[], bytes]:
    return setting(f"edge.{end}", 0, row)


def header(**changes: Any) -> Callable[[], bytes]:
    return lambda: with_header(lambda h: h.update(changes))


def listed(position: int, item: int, new: Any) -> Callable[[], bytes]:
    """One item of one column in the header's list."""

    def change(h: dict[str, Any]) -> None:
        h["columns"][position][item] = new

    return lambda: with_header(change)


def text_header(text: str) -> Callable[[], bytes]:
    return lambda: with_header(text=text.encode())


def footer_says(**changes: Any) -> Callable[[], bytes]:
    return lambda: with_footer(index(), **changes)


def doubled_word(c: Columns) -> None:
    parts = texts(c, "word.end", "words.byte")
    parts[-1] = parts[-2]
    put_texts(c, "word.end", "words.byte", parts)


FLOATS = '{"array":["<f8",[1],"AAAAAAAA8D8="]}'
ATTACKS: list[tuple[str, Callable[[], bytes], str, str]] = [
    # The footer
    ("offset 0", footer_says(offset=0), "T303", "place of the index"),
    ("offset huge", footer_says(offset=(1 << 64) - 64), "T303", "place of the index"),
    ("offset unaligned", lambda: with_footer(index(), offset=len(tree()) + 8), "T303", "place of the index"),
    ("length 0", footer_says(length=0), "T303", "place of the index"),
    ("length huge", footer_says(length=1 << 60), "T303", "index length"),
    ("length too small", lambda: with_footer(index(), length=len(index()) - 8), "T303", "place of the index"),
    ("file length 0", footer_says(file_length=0), "T303", "file length"),
    ("file length huge", footer_says(file_length=(1 << 64) - 1), "T303", "file length"),
    ("sha256 of nothing", footer_says(sha256=bytes(32)), "T303", "not the one that the footer"),
    ("no index", lambda: with_footer(b""), "T303", "header does not fit"),
    ("bytes before the footer", lambda: with_footer(index() + bytes(8)), "T303", "does not end with its last column"),
    ("bytes missing", lambda: with_footer(index()[:-8]), "T303", "not where it should be"),
    # The header
    ("header length huge", lambda: with_footer(b"\xff" * 8 + index()[8:]), "T303", "header does not fit"),
    ("header length 0", lambda: with_footer(bytes(8) + index()[8:]), "T303", "strict JSON"),
    ("header no JSON", text_header("{'index': 1}"), "T303", "strict JSON"),
    ("header a list", text_header("[]"), "T303", "strict JSON"),
    ("header empty", text_header("{}"), "T303", "another form"),
    ("header NaN", text_header('{"index":NaN}'), "T303", "NaN"),
    ("header Infinity", text_header('{"index":-Infinity}'), "T303", "Infinity"),
    ("header 1e999", text_header('{"index":1e999}'), "T303", "too large a number"),
    ("header a number of 9,000 digits", text_header('{"index":' + "9" * 9000 + "}"), "T303", "strict JSON"),
    ("header twice a key", text_header('{"index":1,"index":1}'), "T303", "twice"),
    ("header 40 levels", text_header('{"index":' + "[" * 40 + "]" * 40 + "}"), "T303", "deeper than 32"),
    ("header 30,000 levels", text_header('{"index":' + "[" * 30_000 + "]" * 30_000 + "}"), "T303", "strict JSON"),
    ("header not UTF-8", lambda: with_header(text=b'{"index":"\xff"}'), "T303", "strict JSON"),
    ("header with another key", header(more=1), "T303", "another form"),
    ("header index true", header(index=True), "T303", "another form"),
    ("header writer a number", header(writer=1), "T303", "another form"),
    ("header writer of several lines", header(writer="x\n  size         1 bytes"), "T303", "printed"),
    ("header writer that clears the screen", header(writer="\x1b[2J"), "T303", "printed"),
    ("header writer that turns text around", header(writer="\u202egnp.exe"), "T303", "printed"),
    ("header writer of half a character", header(writer="\ud800"), "T303", "printed"),
    ("header writer of 300 characters", header(writer="w" * 300), "T303", "too long"),
    ("header from the future", header(index=2), "T307", "index 2"),
    ("format from the future", header(format="2.0"), "T307", "2.0"),
    ("format of nothing", header(format=""), "T303", "''"),
    ("format of the past", header(format="0.9"), "T303", "0.9"),
    ("format of many digits", header(format="9" * 5000), "T303", "999"),
    ("format of other digits", header(format="\u0663.0"), "T303", "1.x"),
    ("format and more", header(format="1.0; x"), "T303", "1.x"),
    ("no columns", header(columns=[]), "T303", "does not end"),
    ("too many columns", header(columns=[["a", "|u1", 0, 0]] * 65), "T303", "too many columns"),
    ("a column no list", listed(0, 0, 1), "T303", "not listed as one"),
    ("a column of another name", listed(0, 0, "node.nama"), "T303", "not known"),
    ("a column twice", listed(0, 0, "word.end"), "T303", "listed twice"),
    ("a column of another type", listed(0, 1, "<u8"), "T303", "another type"),
    ("a column of objects", listed(0, 1, "O"), "T303", "another type"),
    ("a column of records", listed(0, 1, "(999999999,)f8"), "T303", "another type"),
    ("a column before its place", listed(1, 2, 0), "T303", "not where it should be"),
    ("a column behind its place", listed(1, 2, 1 << 40), "T303", "not where it should be"),
    ("a column of negative length", listed(1, 3, -1), "T303", "not where it should be"),
    ("a column of huge length", listed(1, 3, 1 << 62), "T303", "not where it should be"),
    ("a column of infinite offset", listed(1, 2, 1 << 80), "T303", "not where it should be"),
    # Columns: what the layout says of each is also tested for all of them below.
    ("no node", lambda: with_columns(lambda c: c.update({n: c[n][:0] for n in c})), "T303", "no graph"),
    ("outermost has a parent", setting("node.parent", 0, 1), "T303", "outermost graph"),
    ("outermost has a name", named(0, b"x"), "T303", "outermost graph"),
    ("outermost is no graph", lambda: with_columns(lambda c: swap(c, "node.type", 0, 1)), "T303", "outermost graph"),
    ("a node in itself", setting("node.parent", 3, 3), "T303", "before the graph"),
    ("a node in a later one", setting("node.parent", 1, 5), "T303", "before the graph"),
    ("a node in a layer", lambda: with_columns(graph_in_a_layer), "T303", "no graph"),
    ("graphs 40 deep", nested(40), "T303", "too deeply"),
    ("graphs 32 deep", nested(32), "T116", "deeper"),
    ("graphs 5,000 deep", nested(5_000), "T303", "too deeply"),
    ("long paths", lambda: with_columns(long_paths), "T303", "paths"),
    ("a node without a name", named(1, b""), "T303", "no name"),
    ("a name twice", named(2, b"in"), "T303", "same name"),
    ("a name twice after NFC", named(2, b"e\xcc\x81"), "T303", "same name"),
    ("a name with a slash", named(1, b"a/b"), "T303", "none can have"),
    ("a name with a colon", named(1, b"a:b"), "T303", "none can have"),
    ("a dot for a name", named(1, b"."), "T303", "none can have"),
    ("a name with a line break", named(1, b"a\nb"), "T303", "printed"),
    ("a name with a null", named(1, b"a\0b"), "T303", "printed"),
    ("a name that turns text around", named(1, "a\u202eb".encode()), "T303", "printed"),
    ("a name not UTF-8", named(1, b"\xff\xfe"), "T303", "UTF-8"),
    ("a surrogate for a name", named(1, b"\xed\xa0\x80"), "T303", "UTF-8"),
    ("a name of 300 characters", named(1, b"n" * 300), "T303", "too long"),
    ("a word not UTF-8", word(b"Affine", b"Affin\xff"), "T303", "UTF-8"),
    ("a word that cannot be printed", word(b"Affine", b"Affine\x1b[2J"), "T303", "printed"),
    ("a word of a megabyte", word(b"Affine", b"A" * 1_000_000), "T303", "too long"),
    ("a first word", word(b"", b"x"), "T303", "empty one"),
    ("a word twice", lambda: with_columns(doubled_word), "T303", "stands twice"),
    ("an unknown type", word(b"Affine", b"Afine"), "T304", "Afine"),
    ("an unknown field", word(b"weight", b"wieght"), "T304", "wieght"),
    ("a newer schema", setting("type.schema", 1, 7), "T307", "schema 7"),
    ("a field twice", lambda: with_columns(lambda c: assign(c, "attr.name", 1, 0)), "T303", "stands twice"),
    ("an array twice", lambda: with_columns(lambda c: assign(c, "array.field", 1, 0)), "T303", "stands twice"),
    ("an attribute of no kind", setting("attr.kind", 0, 200), "T303", "too large"),
    ("half a truth", attr(layout.TRUTH, 2), "T303", "not of its kind"),
    ("nothing with content", attr(layout.NONE, 1), "T303", "not of its kind"),
    ("text beyond the last", attr(layout.TEXT, 1 << 40), "T303", "not of its kind"),
    ("value beyond the last", attr(layout.VALUE, (1 << 64) - 1), "T303", "not of its kind"),
    ("a value no JSON", value("{"), "T303", "strict JSON"),
    ("a value not UTF-8", value(b'"\xff"'), "T303", "UTF-8"),
    ("a value of NaN", value('{"list":[NaN]}'), "T303", "NaN"),
    ("a value of 1e999", value('{"list":[1e999]}'), "T303", "too large a number"),
    ("a value untagged", value("[1]"), "T303", "malformed"),
    ("a value with a key twice", value('{"list":[],"list":[]}'), "T303", "twice"),
    ("a mapping with a key twice", value('{"dict":[["a",null],["a",null]]}'), "T303", "malformed"),
    ("a value of 40 levels", value('{"list":[' * 40 + "]}" * 40), "T303", "malformed"),
    ("a value of 5,000 levels", value('{"list":[' * 5000 + "]}" * 5000), "T303", "strict JSON"),
    ("a value of many digits", value('{"int":"' + "9" * 50_000 + '"}'), "T303", "malformed"),
    ("a value of objects", value('{"array":["O",[1],"AAAAAAAAAAA="]}'), "T303", "malformed"),
    ("a value of a huge type", value('{"array":["V1000000000",[0],""]}'), "T303", "malformed"),
    ("a value of a huge shape", value('{"array":["<f8",[4611686018427387904,4],""]}'), "T303", "malformed"),
    ("a value of another shape", value(FLOATS.replace("[1]", "[2]")), "T303", "malformed"),
    ("a value of negative shape", value(FLOATS.replace("[1]", "[-1]")), "T303", "malformed"),
    ("a value no base64", value(FLOATS.replace("8D8=", "8D8")), "T303", "malformed"),
    ("a value of no truths", value('{"array":["|b1",[1],"Ag=="]}'), "T303", "malformed"),
    ("a long value often", value('{"list":[' + "null," * 2000 + "null]}", times=3), "T303", "more than once"),
    ("a step length of text", lambda: with_columns(text_for_dt), "T303", "dt and metadata"),
    # Arrays
    ("terabytes", shape(2, 1 << 20, 1 << 20), "T303", "not inside the file"),
    ("lengths that overflow", shape(2, 1 << 33, 1 << 33), "T303", "too large"),
    ("lengths that overflow to little", shape(3, 1 << 32, 1 << 32, 1), "T303", "too large"),
    ("32 axes of 2**40", shape(32, *[1 << 40] * 32), "T303", "too large"),
    ("a length of 2**63", shape(1, 1 << 63), "T303", "too large"),
    ("no elements, huge", shape(2, 0, 1 << 40), "T303", "stands outside"),
    ("33 axes", shape(33, *[1] * 33), "T303", "too large"),
    ("ranks and lengths differ", setting("array.rank", 0, 5), "T303", "other ranks"),
    ("another shape of a small array", replaced("axis.length", lambda a: shrunk(a)), "T303", "other sizes"),
    ("an array in the superblock", place(lambda c, o: 0 + 8), "T303", "not inside the file"),
    ("an array behind the tree", place(lambda c, o: len(tree())), "T303", "not inside the file"),
    ("an array over the end", place(lambda c, o: len(tree()) - 64), "T303", "not inside the file"),
    ("an array at 2**62", place(lambda c, o: 1 << 62), "T303", "not inside the file"),
    ("an array at 2**64 - 64", place(lambda c, o: (1 << 64) - 64), "T303", "too large"),
    ("an array unaligned", place(lambda c, o: int(c["array.place"][o[1]]) + 1), "T303", "not inside the file"),
    ("two arrays at one place", place(lambda c, o: int(c["array.place"][o[0]])), "T303", "over another"),
    ("an array over another", place(lambda c, o: int(c["array.place"][o[0]]) + 64), "T303", "over another"),
    ("an array elsewhere in the tree", lambda: with_columns(moved_a_little), "T305", "'weight'"),
    ("a large array said to be inside", place(lambda c, o: 0), "T303", "other sizes"),
    ("a small array outside", lambda: with_columns(inlined_elsewhere), "T303", "stands outside"),
    ("another crc32", setting("array.crc32", 0, 1), "T305", "'weight'"),
    ("another crc32 of a small array", lambda: with_columns(small_crc), "T305", "crc32"),
    ("no truths", lambda: with_columns(truths), "T305", "bytes 0 and 1"),
    ("data too short", replaced("data.byte", lambda a: a[:-8]), "T303", "other sizes"),
    ("data too long", replaced("data.byte", lambda a: [*a, *bytes(8)]), "T303", "other sizes"),
    ("a wrong rank for the field", lambda: with_columns(flat), "T201", "weight"),
    # Edges
    ("an edge in a layer", lambda: with_columns(lambda c: c["edge.level"].fill(2)), "T303", "no graph"),
    ("an edge from the outermost graph", edge("src", 0), "T303", "leads out"),
    ("an edge into the outermost graph", edge("dst", 0), "T303", "leads out"),
    ("an edge into another level", lambda: edge("dst", nodes() - 3)(), "T303", "leads out"),
    ("a negative delay", setting("edge.delay", 0, -2), "T303", "negative delay"),
    ("a delay of -2**63", setting("edge.delay", 0, -(1 << 63)), "T303", "negative delay"),
    ("a delay of 2**31", setting("edge.delay", 0, 1 << 31), "T303", "too large"),
    ("a port that is not there", lambda: with_columns(lambda c: assign(c, "edge.src_port", 0, 1)), "T10", "port"),
    ("an edge twice", lambda: with_columns(doubled_edge), "T10", ""),
]  # fmt: skip


def swap(c: Columns, name: str, a: int, b: int) -> None:
    c[name][[a, b]] = c[name][[b, a]]


def assign(c: Columns, name: str, to: int, source: int) -> None:
    """One row's value, and its owner, for another row."""
    if name.startswith("edge"):
        c[name][to] = int(np.flatnonzero([w == b"Affine" for w in texts(c, "word.end", "words.byte")])[0])
        return
    table = name.partition(".")[0]
    c[name][to] = c[name][source]
    c[f"{table}.node"][to] = c[f"{table}.node"][source]


def doubled_edge(c: Columns) -> None:
    for column in COLUMNS:
        if column.table == "edge":
            c[column.name][1] = c[column.name][0]


def text_for_dt(c: Columns) -> None:
    names = texts(c, "word.end", "words.byte")
    row = next(i for i in range(len(c["attr.name"])) if names[int(c["attr.name"][i])] == b"dt")
    c["attr.kind"][row], c["attr.value"][row] = layout.TEXT, 0


def small_crc(c: Columns) -> None:
    c["array.crc32"][int(np.flatnonzero(c["array.place"] == 0)[0])] ^= 1


def shrunk(lengths: np.ndarray) -> np.ndarray:
    lengths[-1:] = 100
    return lengths


def flat(c: Columns) -> None:
    """The first array as one axis of as many elements."""
    c["array.rank"][0] = 1
    c["axis.length"] = np.array([int(c["axis.length"][0] * c["axis.length"][1]), *c["axis.length"][2:]], "<u8")


def refusal(content: bytes) -> ir.TalonError | None:
    with forged.file_of(content) as path:
        return forged.refusal(path)


def test_the_honest_file_is_read() -> None:
    assert refusal(with_footer(index())) is None
    assert refusal(with_columns(lambda c: None)) is None
    assert refusal(with_header()) is None


@pytest.mark.parametrize(("forge", "code", "word"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_an_attack_is_one_error(forge: Callable[[], bytes], code: str, word: str) -> None:
    with forged.file_of(forge()) as path:
        forged.refused(path, code, word)


def test_attacks_are_small() -> None:
    sizes = {name: len(forge()) for name, forge, _, _ in ATTACKS}
    assert {n: s for n, s in sizes.items() if s > 200_000 + 1_000_000 * ("megabyte" in n)} == {}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("lie", ["longer", "shorter", "largest", "descending", "random"])
def test_every_column_that_lies_is_refused_or_harmless(column: Any, lie: str) -> None:
    """Whatever a column says, the file is read or refused with one error; what the layout forbids is refused."""
    rng = np.random.default_rng(5)

    def change(c: Columns) -> None:
        old = c[column.name]
        if lie == "longer":
            c[column.name] = np.concatenate([old, old[-1:] if len(old) else np.zeros(1, old.dtype)])
        elif lie == "shorter":
            c[column.name] = old[:-1]
        elif lie == "largest":
            c[column.name] = np.full_like(old, np.iinfo(old.dtype).max)
        elif lie == "descending":
            c[column.name] = old[::-1].copy()
        else:
            c[column.name] = rng.integers(0, np.iinfo(old.dtype).max, len(old), old.dtype)

    error = refusal(with_columns(change))
    bounded = column.refers is not None or column.most is not None or column.ends is not None
    if column.name == "text.end" and lie == "longer":
        return  # one more text, empty and unused
    if lie in ("longer", "shorter") or (lie in ("largest", "random") and bounded):
        assert error is not None
    if lie == "descending" and (column.ascending or column.ends):
        assert error is not None


def end_of_hdf5() -> int:
    """Of the honest file, as its superblock of version 2 says."""
    return int.from_bytes(tree()[28:36], "little")


def test_truncation_at_every_boundary_is_refused_but_for_that_where_hdf5_ends() -> None:
    whole = with_footer(index())
    header_length = int.from_bytes(index()[:8], "little")
    columns = json.loads(index()[8 : 8 + header_length])["columns"]
    ends = [len(tree()) + end for _, _, offset, count in columns for end in (offset, offset + count)]
    bounds = [end_of_hdf5(), len(tree()), len(tree()) + 8, len(whole) - 64, len(whole) - 8, len(whole), *ends]
    for length in {n for bound in bounds for n in (bound - 1, bound, bound + 1) if n < len(whole)}:
        if length == end_of_hdf5():
            with forged.file_of(whole[:length]) as path:
                assert forged.everything_of(path).same_as(forged.honest())
        else:
            error = refusal(whole[:length])
            assert error is not None, length
            assert error.code == "T303"


LOST = "was cut short, or bytes were appended"


@pytest.mark.parametrize("cut", range(1, 66))
def test_a_file_that_lost_its_last_bytes_is_refused(cut: int) -> None:
    """It would be read by its tree, where a weight that is damaged besides is not noticed."""
    with forged.file_of(with_footer(index())[:-cut]) as path:
        for call in (ir.read, ir.info, ir.read_version):
            with pytest.raises(ir.TalonFormatError, match=LOST) as caught:
                call(path)
            assert caught.value.code == "T303"


@pytest.mark.parametrize("more", [b"x", b"\0", bytes(64), b"x" * 5000, with_footer(b"")[-64:-1]])
def test_bytes_behind_the_footer_are_refused(more: bytes) -> None:
    """A footer is the last bytes or none."""
    with forged.file_of(with_footer(index()) + more) as path:
        for trusted in (False, True):
            with pytest.raises(ir.TalonFormatError, match=LOST):
                ir.read(path, trusted=trusted)


def test_another_magic_is_no_footer() -> None:
    error = refusal(with_footer(index(), magic=b"TALONIX\x02"))
    assert error is not None
    assert LOST in str(error)


def test_what_a_lost_index_leaves_can_be_rescued_on_purpose() -> None:
    with forged.file_of(with_footer(index())[:-1]) as path:
        error = forged.refusal(path)
        assert error is not None
        assert "h5py.File(path, 'r+').close()" in str(error.help)
        h5py.File(path, "r+").close()
        assert path.stat().st_size == end_of_hdf5()
        assert forged.everything_of(path).same_as(forged.honest())


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_trees_of_every_superblock_lose_their_index_or_have_none(libver: str, tmp_path: Path) -> None:
    """What is left behind HDF5's end is seen whichever version of the superblock says where that is."""
    with forged.file_of(tree()) as path, h5py.File(path) as old, h5py.File(tmp_path / "t.h5", "w", libver=libver) as f:
        for name in ("version", "graph", "talon"):
            old.copy(name, f)
    assert forged.everything_of(tmp_path / "t.h5").same_as(forged.honest())
    with (tmp_path / "t.h5").open("ab") as file:
        file.write(b"x")
    forged.refused(tmp_path / "t.h5", "T303", LOST)


def test_a_newer_minor_format_may_add_columns() -> None:
    with forged.file_of(forged.of_a_newer_minor()) as path:
        assert ir.read_version(path) == "1.9"
        assert forged.everything_of(path).same_as(forged.honest())


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(index()) * 8 - 1)), min_size=1, max_size=4))
def test_flipped_bits_of_an_index_with_a_right_hash(bits: list[tuple[int]]) -> None:
    changed = bytearray(index())
    for (bit,) in bits:
        changed[bit // 8] ^= 1 << bit % 8
    start = time.perf_counter()
    refusal(with_footer(bytes(changed)))
    assert time.perf_counter() - start < forged.SECONDS


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 64 * 8 - 1))
def test_flipped_bits_of_a_footer(bit: int) -> None:
    content = bytearray(with_footer(index()))
    content[len(content) - 64 + bit // 8] ^= 1 << bit % 8
    error = refusal(bytes(content))
    assert error is not None
    assert error.code == "T303"


def test_messages_show_no_control_characters() -> None:
    error = refusal(word(b"Affine", b"Affine\x1b[2J")())
    assert error is not None
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", str(error))


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    """Nothing in an index names a file: another one in the folder is never opened."""
    (tmp_path / "secret").write_bytes(b"s" * 4096)
    path = tmp_path / "x.t1c"
    path.write_bytes(with_footer(index()))
    (tmp_path / "secret").chmod(0)
    assert forged.everything_of(path).same_as(forged.honest())
