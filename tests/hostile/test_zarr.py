"""zarr stores that lie. Each attack is one `TalonError`, quickly, in bounded memory: a table of what is forged.

Hashes and checks are right unless they are what is forged, so that what is behind them is reached.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.storage.index import layout as index
from talon.storage.index.layout import COLUMNS
from talon.storage.zarr import layout
from tests.hostile import forged, stores
from tests.hostile.forged import put_texts, refusal, texts
from tests.hostile.stores import (
    COLUMN,
    OWN,
    OWN_CHUNK,
    POOL,
    Change,
    Files,
    chunk,
    files,
    lying,
    metadata,
    refused,
    said,
    say,
    text,
)


def without(*keys: str) -> Change:
    """Without a key, or all that begin with it and a slash."""
    return lambda store: [store.pop(k) for k in list(store) for key in keys if k == key or k.startswith(f"{key}/")]


def setting(path: str, key: str, value: Any) -> Change:
    return metadata(path, lambda document: document.update({key: value}))


def mark(**changes: Any) -> Change:
    """What the root says of the store."""
    return metadata("", lambda root: root["attributes"]["talon"].update(changes))


def codecs(path: str, *names: str, **configuration: Any) -> Change:
    """Other codecs, the last of which has the configuration."""
    found: list[dict[str, Any]] = [{"name": name} for name in names]
    found[-1]["configuration"] = configuration
    return setting(path, "codecs", found)


def chunks(path: str, shape: list[int]) -> Change:
    return setting(path, "chunk_grid", {"name": "regular", "configuration": {"chunk_shape": shape}})


def bytes_of(endian: str) -> list[dict[str, Any]]:
    return [{"name": "bytes", "configuration": {"endian": endian}}]


def sized(length: int) -> Change:
    """A column with metadata that a longer one would have."""
    return lambda store: say(store, COLUMN, layout.array_metadata(np.dtype("<u4"), (length,)))


def more_columns(store: Files) -> None:
    store.update({f"columns/{number}/zarr.json": b"" for number in range(100)})


def renamed(store: Files) -> None:
    """An array under another spelling of its number."""
    for key in [key for key in store if key.startswith(f"{OWN}/")]:
        store[key.replace(OWN, "arrays/01")] = store.pop(key)


def flip(key: str, at: int) -> Change:
    """One bit of a key."""

    def change(store: Files) -> None:
        data = bytearray(store[key])
        data[at] ^= 16
        store[key] = bytes(data)

    return change


def cut(key: str, by: int) -> Change:
    """Bytes taken from the end of a chunk, whose crc32c is right again."""
    return lambda store: store.update({key: chunk(store[key][: -4 - by])})


def flood(store: Files) -> None:
    """The first element of a column as thousands of chunks."""
    data = store.pop(f"{COLUMN}/c/0")[:-4]
    document = said(store, COLUMN)
    document["chunk_grid"]["configuration"]["chunk_shape"] = [1]
    say(store, COLUMN, document)
    store.update({f"{COLUMN}/c/{i}": chunk(data[:4]) for i in range(500)})


def gathered(change: Callable[[dict[str, Any]], object]) -> Change:
    """With consolidated metadata, honest but for a change."""

    def forge(store: Files) -> None:
        root = said(store, "")
        paths = [key.removesuffix("/zarr.json") for key in store if key.endswith("/zarr.json")]
        there = {path: said(store, path) for path in paths}
        root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": there}
        change(root["consolidated_metadata"])
        say(store, "", root)

    return forge


def place(row_of: str, value: int) -> Change:
    """The place of the pooled array, or of the one of its own, or of the first small one."""

    def change(c: forged.Columns) -> None:
        sizes = {"small": c["array.place"] == 0}
        large = np.flatnonzero(~sizes["small"])
        row = {"pool": large[0], "own": large[-1], "small": np.flatnonzero(sizes["small"])[0]}[row_of]
        c["array.place"][row] = value

    return lying(change)


def shape(lengths: list[int]) -> Change:
    def change(c: forged.Columns) -> None:
        old = int(c["array.rank"][0])
        c["array.rank"][0] = len(lengths)
        c["axis.length"] = np.array([*lengths, *c["axis.length"][old:]], "<u8")

    return lying(change)


def one(name: str, row: int, value: int) -> Change:
    def change(c: forged.Columns) -> None:
        c[name][row] = value

    return lying(change)


def named(row: int, name: bytes) -> Change:
    def change(c: forged.Columns) -> None:
        parts = texts(c, "node.name", "names.byte")
        parts[row] = name
        put_texts(c, "node.name", "names.byte", parts)

    return lying(change)


def no_truths(store: Files) -> None:
    """The mask, in the pool, with bytes that are no truth values, and every check right."""
    found = stores.columns(store)
    row = int(np.flatnonzero(found["array.dtype"] == index.BOOL)[0])
    import zlib

    data = bytearray(store[f"{POOL}/c/0"][:-4])
    at = int(found["array.place"][row]) - 1
    data[at] = 7
    found["array.crc32"][row] = zlib.crc32(bytes(data[at : at + 1600]))
    store[f"{POOL}/c/0"] = chunk(bytes(data))
    stores.put_columns(store, found)


DEEP = '{"attributes":' + "[" * 30_000 + "]" * 30_000 + "}"
SHARDS = {"chunk_shape": [1], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}]}
PICKLE = pickle.dumps(print)
LIES: list[tuple[str, Change, str, str]] = [
    # The root
    ("no root", without("zarr.json"), "T30", ""),
    ("root empty", text("zarr.json", ""), "T30", ""),
    ("root of another program", text("zarr.json", '{"zarr_format":3,"node_type":"group"}'), "T302", ""),
    ("root no JSON", text("zarr.json", '{"talon"'), "T303", "strict JSON"),
    ("root a list", text("zarr.json", '["talon"]'), "T303", "not an object"),
    ("root a pickle", text("zarr.json", PICKLE + b'"talon"'), "T303", "strict JSON"),
    ("root not UTF-8", text("zarr.json", b'{"talon":"\xff"}'), "T303", "strict JSON"),
    ("root NaN", text("zarr.json", '{"talon":NaN}'), "T303", "NaN"),
    ("root Infinity", text("zarr.json", '{"talon":-Infinity}'), "T303", "Infinity"),
    ("root 1e999", text("zarr.json", '{"talon":1e999}'), "T303", "too large a number"),
    ("root a key twice", text("zarr.json", '{"talon":1,"talon":1}'), "T303", "twice"),
    ("root 40 levels", text("zarr.json", '{"talon":' + "[" * 40 + "]" * 40 + "}"), "T303", "deeper than 32"),
    ("root 30,000 levels", text("zarr.json", '{"talon":1,' + DEEP[1:]), "T303", "strict JSON"),
    ("root of 5 megabytes", text("zarr.json", '{"talon":' + " " * 5_000_000), "T303", "too large"),
    ("root an array", setting("", "node_type", "array"), "T303", "node_type"),
    ("root of zarr 2", setting("", "zarr_format", 2), "T303", "zarr_format"),
    ("root of zarr true", setting("", "zarr_format", True), "T303", "zarr_format"),
    ("mark elsewhere", setting("", "attributes", {"x": {"talon": 1}}), "T302", "no talon graph"),
    ("mark a number", setting("", "attributes", {"talon": 1}), "T302", "no talon graph"),
    ("mark without a hash", metadata("", lambda r: r["attributes"]["talon"].pop("sha256")), "T303", "another form"),
    ("mark with more", mark(more=1), "T303", "another form"),
    ("mark with a writer of none", mark(writer=None), "T303", "another form"),
    ("index true", mark(index=True), "T303", "another form"),
    ("index from the future", mark(index=2), "T307", "index 2"),
    ("format from the future", mark(format="2.0"), "T307", "2.0"),
    ("a writer of several lines", mark(writer="x\n  size         1 bytes"), "T303", "printed"),
    ("a writer of half a character", mark(writer="\ud800"), "T303", "printed"),
    ("a writer of 300 characters", mark(writer="w" * 300), "T303", "too long"),
    ("another writer", mark(writer="somebody"), "T303", "root tells of"),
    ("another hash", mark(sha256="0" * 64), "T303", "root tells of"),
    # zarr 2
    ("zarr 2 alone", lambda s: (s.clear(), s.update({".zgroup": b'{"zarr_format":2}'})), "T302", "recognises"),
    ("zarr 2 beside", text(".zgroup", '{"zarr_format":2}'), "T303", ".zgroup"),
    ("zarr 2 array", text(f"{COLUMN}/.zarray", '{"zarr_format":2,"filters":[{"id":"pickle"}]}'), "T303", ".zarray"),
    ("zarr 2 in an array", setting(COLUMN, "zarr_format", 2), "T303", "zarr_format"),
    ("zarr 2 keys", setting(COLUMN, "chunk_key_encoding", {"name": "v2"}), "T303", "chunk_key_encoding"),
    # Metadata of arrays
    ("NaN in a column", text(f"{COLUMN}/zarr.json", '{"fill_value":NaN}'), "T303", "NaN"),
    ("a key twice in a column", text(f"{COLUMN}/zarr.json", '{"shape":[1],"shape":[2]}'), "T303", "twice"),
    ("a deep column", text(f"{COLUMN}/zarr.json", DEEP), "T303", "strict JSON"),
    ("a column of 100 KB", text(f"{COLUMN}/zarr.json", " " * 100_000), "T303", "too large"),
    ("gzip", codecs(COLUMN, "bytes", "gzip", level=9), "T303", "'codecs'"),
    ("zstd", codecs(COLUMN, "bytes", "zstd", level=22, checksum=False), "T303", "'codecs'"),
    ("zstd behind crc32c", codecs(OWN, "bytes", "crc32c", "zstd", level=1), "T303", "'codecs'"),
    ("blosc in an array", codecs(OWN, "bytes", "blosc", cname="lz4"), "T303", "'codecs'"),
    ("gzip in the pool", codecs(POOL, "bytes", "gzip", level=9), "T303", "'codecs'"),
    ("shards", codecs(COLUMN, "sharding_indexed", **SHARDS), "T303", "'codecs'"),
    ("shards of an array", codecs(OWN, "sharding_indexed", **SHARDS), "T303", "'codecs'"),
    ("transposed", codecs(OWN, "transpose", order=[1, 0]), "T303", "'codecs'"),
    ("pickled", codecs(COLUMN, "numcodecs.pickle"), "T303", "'codecs'"),
    ("no codecs", setting(COLUMN, "codecs", []), "T303", "'codecs'"),
    ("no crc32c", setting(OWN, "codecs", bytes_of("little")), "T303", "'codecs'"),
    ("big endian", setting(OWN, "codecs", bytes_of("big")), "T303", "'codecs'"),
    ("codecs a number", setting(COLUMN, "codecs", 7), "T303", "'codecs'"),
    ("objects", setting(COLUMN, "data_type", "object"), "T303", "'data_type'"),
    ("texts", setting(COLUMN, "data_type", "string"), "T303", "'data_type'"),
    ("records", setting(COLUMN, "data_type", {"name": "structured", "configuration": {}}), "T303", "'data_type'"),
    ("gigabytes an element", setting(COLUMN, "data_type", "r8000000000"), "T303", "'data_type'"),
    ("another type", setting(COLUMN, "data_type", "float32"), "T303", "'data_type'"),
    ("another type of an array", setting(OWN, "data_type", "int32"), "T303", "'data_type'"),
    ("terabytes", setting(COLUMN, "shape", [1 << 40]), "T303", "node.type"),
    ("terabytes, consistent", sized(1 << 40), "T303", "large"),
    ("megabytes, consistent", sized(1 << 25), "T303", "size"),
    ("2**70 elements", setting(COLUMN, "shape", [1 << 70]), "T303", "node.type"),
    ("terabytes of an array", setting(OWN, "shape", [1 << 20, 1 << 20]), "T303", "'shape'"),
    ("terabytes of the pool", setting(POOL, "shape", [1 << 40]), "T303", "'shape'"),
    ("negative", setting(COLUMN, "shape", [-1]), "T303", "one axis"),
    ("half an element", setting(COLUMN, "shape", [1.5]), "T303", "one axis"),
    ("true elements", setting(COLUMN, "shape", [True]), "T303", "one axis"),
    ("two axes", setting(COLUMN, "shape", [2, 2]), "T303", "one axis"),
    ("no shape", metadata(COLUMN, lambda d: d.pop("shape")), "T303", "one axis"),
    ("a chunk each", chunks(COLUMN, [1]), "T303", "'chunk_grid'"),
    ("a chunk each of an array", chunks(OWN, [1, 1]), "T303", "'chunk_grid'"),
    ("chunks of nothing", chunks(COLUMN, [0]), "T303", "'chunk_grid'"),
    ("one huge chunk", chunks(COLUMN, [1 << 40]), "T303", "'chunk_grid'"),
    ("another grid", setting(COLUMN, "chunk_grid", {"name": "rectangular"}), "T303", "'chunk_grid'"),
    ("a flood of chunks", flood, "T303", "'chunk_grid'"),
    ("fill values", setting(COLUMN, "fill_value", 7), "T303", "'fill_value'"),
    ("storage transformers", setting(COLUMN, "storage_transformers", [{}]), "T303", "storage_transformers"),
    ("an extension", setting(COLUMN, "extension", {"must_understand": False}), "T303", "'extension'"),
    ("attributes", setting(COLUMN, "attributes", {"a": 1}), "T303", "'attributes'"),
    ("another node's array", setting(OWN, "attributes", {"field": "end.weight"}), "T303", "'attributes'"),
    ("a column a group", lambda s: say(s, COLUMN, layout.group_metadata()), "T303", "node.type"),
    ("an array a group", lambda s: say(s, OWN, layout.group_metadata()), "T303", "arrays/1"),
    ("a group an array", lambda s: say(s, "arrays", said(s, OWN)), "T303", "arrays/zarr.json"),
    # Keys
    ("no columns", without("columns"), "T303", "lacks 'columns"),
    ("no group of columns", without("columns/zarr.json"), "T303", "columns/zarr.json"),
    ("no group of arrays", without("arrays/zarr.json"), "T303", "arrays/zarr.json"),
    ("a column missing", without(COLUMN), "T303", "node.type"),
    ("a column without metadata", without(f"{COLUMN}/zarr.json"), "T303", "node.type"),
    ("a column without its chunk", without(f"{COLUMN}/c"), "T303", f"lacks '{COLUMN}/c"),
    ("no pool", without(POOL), "T303", "arrays/pool"),
    ("the pool without its chunk", without(f"{POOL}/c"), "T303", "arrays/pool/c"),
    ("an array missing", without(OWN), "T303", "arrays/1"),
    ("an array without metadata", without(f"{OWN}/zarr.json"), "T303", "arrays/1/zarr.json"),
    ("an array without its chunk", without(f"{OWN}/c"), "T303", "arrays/1/c"),
    ("another key", text("readme.txt", "x"), "T303", "readme.txt"),
    ("another group", text("more/zarr.json", "{}"), "T303", "more/"),
    ("another column", text("columns/node.colour/zarr.json", "{}"), "T303", "node.colour"),
    ("100 other columns", more_columns, "T303", "too much"),
    ("another key in a column", text(f"{COLUMN}/more", "x"), "T303", "more"),
    ("another chunk", text(f"{COLUMN}/c/1", chunk(bytes(4))), "T303", "c/1"),
    ("a chunk in the chunk", text(f"{COLUMN}/c/1/0", chunk(bytes(4))), "T303", "c/1"),
    ("a chunk of nothing", text("columns/edge.more/c/0", chunk(b"")), "T303", "edge.more"),
    ("another array", text("arrays/2/zarr.json", "{}"), "T303", "arrays/2/"),
    ("an array of another name", renamed, "T303", "arrays/01/"),
    ("another chunk of an array", text(f"{OWN}/c/0/1", b"x"), "T303", "c/0/1"),
    ("another row of chunks", text(f"{OWN}/c/1/0", b"x"), "T303", "c/1"),
    ("another chunk of the pool", text(f"{POOL}/c/1", b"x"), "T303", "pool/c/1"),
    ("a file for a folder", lambda s: (without(COLUMN)(s), s.update({COLUMN: b"x"})), "T303", "node.type"),
    ("a folder for a file", lambda s: s.update({f"{COLUMN}/c/0/0": s.pop(f"{COLUMN}/c/0")}), "T303", f"{COLUMN}/c/0"),
    # Chunks
    ("an empty chunk", text(f"{COLUMN}/c/0", b""), "T303", "another size"),
    ("a chunk too short", cut(f"{COLUMN}/c/0", 4), "T303", "another size"),
    ("a chunk too long", lambda s: s.update({f"{COLUMN}/c/0": chunk(s[f"{COLUMN}/c/0"])}), "T303", "another size"),
    ("a pickle for a chunk", text(f"{COLUMN}/c/0", chunk(PICKLE)), "T303", "another size"),
    ("an array too short", cut(OWN_CHUNK, 4), "T303", "another size"),
    ("an array too long", lambda s: s.update({OWN_CHUNK: chunk(s[OWN_CHUNK])}), "T303", "another size"),
    ("the pool too short", cut(f"{POOL}/c/0", 8), "T303", "another size"),
    ("a bit of a column", flip(f"{COLUMN}/c/0", 0), "T303", "crc32c"),
    ("a bit of its crc32c", flip(f"{COLUMN}/c/0", -1), "T303", "crc32c"),
    ("a bit of the pool", flip(f"{POOL}/c/0", 100), "T305", "'weight'"),
    ("a bit of an array", flip(OWN_CHUNK, 4096), "T305", "'weight'"),
    ("a bit of an array's crc32c", flip(OWN_CHUNK, -1), "T305", "'weight'"),
    ("another column", lambda s: s.update({f"{COLUMN}/c/0": s["columns/node.parent/c/0"]}), "T303", "root tells of"),
    ("another array", lambda s: s.update({OWN_CHUNK: chunk(bytes(len(s[OWN_CHUNK]) - 4))}), "T305", "crc32"),
    # Consolidated metadata
    ("gathered: another shape", gathered(lambda g: g["metadata"][COLUMN].update(shape=[3])), "T303", "something else"),
    ("gathered: an array's shape", gathered(lambda g: g["metadata"][OWN].update(shape=[3])), "T303", "something else"),
    ("gathered: other codecs", gathered(lambda g: g["metadata"][OWN].update(codecs=[])), "T303", "something else"),
    ("gathered: one less", gathered(lambda g: g["metadata"].pop(OWN)), "T303", "other arrays"),
    ("gathered: one more", gathered(lambda g: g["metadata"].update({"arrays/2": {}})), "T303", "other arrays"),
    ("gathered: a path that leads out", gathered(lambda g: g["metadata"].update({"../x": {}})), "T303", "other arrays"),
    ("gathered: no mapping", gathered(lambda g: g.update(metadata=[])), "T303", "another form"),
    ("gathered: arrays no mappings", gathered(lambda g: g["metadata"].update({COLUMN: 1})), "T303", "another form"),
    ("gathered: a number", setting("", "consolidated_metadata", 1), "T303", "another form"),
    # Columns, as in any index
    ("a pooled array elsewhere in the pool", place("pool", 9), "T303", "stands elsewhere"),
    ("a pooled array beyond the pool", place("pool", 1 << 40), "T303", "stands elsewhere"),
    ("a pooled array said to be small", place("pool", 0), "T303", "other sizes"),
    ("an array of another number", place("own", 2), "T303", "stands elsewhere"),
    ("an array said to be small", place("own", 0), "T303", "other sizes"),
    ("a small array outside", place("small", 1), "T303", "stands outside"),
    ("an array of terabytes", shape([1 << 20, 1 << 20]), "T303", "stands elsewhere"),
    ("lengths that overflow", shape([1 << 33, 1 << 33]), "T303", "too large"),
    ("a pooled array that grows into the next", shape([160, 20]), "T303", ""),
    ("another crc32 of a pooled array", one("array.crc32", 0, 1), "T305", "'weight'"),
    ("no truths", no_truths, "T305", "bytes 0 and 1"),
    ("a node in itself", one("node.parent", 3, 3), "T303", "before the graph"),
    ("a name twice", named(2, b"in"), "T303", "same name"),
    ("a name that cannot be printed", named(2, b"\x1b[2J"), "T303", "printed"),
    ("a name that leads out", named(2, b"../x"), "T303", "none can have"),
    ("an edge from the outermost graph", one("edge.src", 0, 0), "T303", "leads out"),
    ("no node", lying(lambda c: c.update({n: c[n][:0] for n in c})), "T303", "no graph"),
]  # fmt: skip


@pytest.mark.parametrize("form", [stores.as_folder, stores.as_zip])
def test_the_honest_store_is_read(form: Any, tmp_path: Path) -> None:
    form(files(), tmp_path / "x")
    assert refusal(tmp_path / "x") is None
    store = files()
    lying(lambda c: None)(store)
    gathered(lambda g: None)(store)
    form(store, tmp_path / "y")
    assert forged.everything_of(tmp_path / "y").same_as(forged.honest())


@pytest.mark.parametrize("form", [stores.as_folder, stores.as_zip])
@pytest.mark.parametrize(("forge", "code", "word"), [a[1:] for a in LIES], ids=[a[0] for a in LIES])
def test_a_lie_is_one_error(forge: Change, code: str, word: str, form: Any, tmp_path: Path) -> None:
    store = files()
    forge(store)
    form(store, tmp_path / "forged")
    refused(tmp_path / "forged", code, word)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("lie", ["longer", "shorter", "largest", "descending"])
def test_every_column_that_lies_is_refused_or_harmless(column: Any, lie: str, tmp_path: Path) -> None:
    """The checks of the index are the same ones; here, that nothing on the way to them fails otherwise."""
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "longer": lambda old: np.append(old, old[-1:] if len(old) else np.zeros(1, old.dtype)),
        "shorter": lambda old: old[:-1],
        "largest": lambda old: np.full_like(old, np.iinfo(old.dtype).max),
        "descending": lambda old: old[::-1].copy(),
    }
    store = files()
    lying(lambda c: c.update({column.name: changes[lie](c[column.name])}))(store)
    stores.as_folder(store, tmp_path / "forged")
    error = refusal(tmp_path / "forged")
    bounded = column.refers is not None or column.most is not None or column.ends is not None
    if column.name == "text.end" and lie == "longer":
        return  # one more text, empty and unused
    if lie in ("longer", "shorter") or (lie == "largest" and bounded):
        assert error is not None


def test_a_newer_minor_format_may_add_columns(tmp_path: Path) -> None:
    store = files()
    found = stores.columns(store) | {"node.colour": np.arange(3, dtype="<u2")}
    mark(format="1.9", more=1)(store)
    stores.put_columns(store, found)
    stores.as_folder(store, tmp_path / "x")
    assert ir.read_version(tmp_path / "x") == "1.9"
    assert forged.everything_of(tmp_path / "x").same_as(forged.honest())
    setting("columns/node.colour", "data_type", "object")(store)
    stores.as_folder(store, tmp_path / "y")
    refused(tmp_path / "y", "T303", "another type")
