"""Reads `.t1c` files with nothing of talon, as docs/format.md says; the numbers in comments are its sections.

`python read_t1c.py net.t1c` prints what is in one. `read` gives header, nodes and edges, or raises `Damaged`.
"""

import base64
import hashlib
import json
import mmap
import struct
import sys
import unicodedata
import zlib
from collections import namedtuple
from itertools import islice, pairwise
from math import prod

import numpy as np

# 4: name, dtype and rules of every column. `@t`: row of t; `>h`: ends in h; `+`: ascends; `-n`: at most n.
COLUMNS = """
node.name <u4 >names, names.byte |u1, word.end <u4 >words, words.byte |u1, text.end <u8 >texts, texts.byte |u1,
type.name <u4 @word, type.provider <u4 @word, type.version <u4 @word, type.schema <u4 -1073741824,
node.parent <u4 @node, node.type <u4 @type, attr.node <u4 @node +, attr.name <u4 @word, attr.kind |u1 -5,
attr.value <u8, array.node <u4 @node +, array.field <u4 @word, array.dtype |u1 -11, array.rank |u1 -32,
array.crc32 <u4, array.place <u8 -4611686018427387904, axis.length <u8 -1099511627776, data.byte |u1,
edge.level <u4 @node +, edge.src <u4 @node, edge.src_port <u4 @word, edge.dst <u4 @node, edge.dst_port <u4 @word,
edge.delay <i8"""
RULES = {name: rules for name, *rules in map(str.split, COLUMNS.split(","))}
DTYPES = ["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"]  # 5
Node = namedtuple("Node", "path type provider version schema attrs arrays")
Edge = namedtuple("Edge", "level src dst delay")  # delay None: unstated


class Damaged(ValueError):
    """The file is not what docs/format.md says."""


def must(true, what):
    if not true:
        raise Damaged(what)


def read(path):
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, offset, length, whole, sha256 = struct.unpack("<8sQQQ32s", data[-64:])
        must(data[:8] == b"\x89HDF\r\n\x1a\n" and magic == b"TALONIX\1", "no footer, or not even HDF5")  # 1
        must(whole == len(data) == offset + length + 64 and length <= 1 << 28, "the footer is wrong")  # 2
        must(offset >= 48 and offset % 64 == 0, "the footer is wrong")
        index = data[offset : offset + length]
        must(hashlib.sha256(index).digest() == sha256, "the sha256 of the index is not that of the footer")
        header, columns = header_and_columns(index)
        return header, *graph(columns, np.frombuffer(data, np.uint8, offset))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, struct.error) as error:
        raise Damaged(f"{path}: {error}") from error


def header_and_columns(index):  # 3
    end = 8 + int.from_bytes(index[:8], "little")
    must(end <= min(8 + 65536, len(index)) and end % 8 == 0, "the header does not fit")
    header = strict(index[8:end].decode())
    types = [type(header.get(key)) for key in ("index", "format", "writer", "columns")]
    must(types == [int, str, str, list] and len(header["columns"]) <= 64, "the header is malformed")
    must(header["index"] == 1 and header["format"].split(".")[0] == "1", "the file is of another version")  # 8
    newer, columns = header["format"] != "1.0", {}
    must(len(header) == 4 or newer, "the header has another key")
    for name, dtype, offset, count in header["columns"]:
        must(name not in columns and (name in RULES or newer), f"column {name!r} is not known, or twice there")
        must(dtype in DTYPES[1:-1] and dtype == RULES.get(name, [dtype])[0], f"column {name!r} has another dtype")
        must(type(offset) is type(count) is int and offset == end and count >= 0, f"column {name!r} is elsewhere")
        columns[name] = np.frombuffer(index, dtype, count, offset)
        end += -(-columns[name].nbytes // 8) * 8
    must(end == len(index), "the last column does not end the index")
    counts = {name.split(".")[0]: len(columns[name]) for name in RULES}
    for name, (_, *rules) in RULES.items():  # 4
        column = columns[name]
        must(len(column) == counts[name.split(".")[0]], f"{name} has another count than its table")
        last, most = (int(column[-1]), int(column.max())) if len(column) else (0, -1)
        for rule, what in ((rule[0], rule[1:]) for rule in rules):
            must(rule not in "@-" or most < (counts[what] if rule == "@" else int(what) + 1), f"{name} is too large")
            must(rule not in ">+" or (column[1:] >= column[:-1]).all(), f"{name} does not ascend")
            must(rule != ">" or last == counts[what], f"{name} does not end with its heap")
    return header, columns


def graph(columns, tree):
    def rows(table, names):
        return zip(*(columns[f"{table}.{name}"].tolist() for name in names.split()), strict=True)

    def texts(ends, heap):  # 4.1
        data, bounds = columns[heap].tobytes(), [0, *columns[ends].tolist()]
        return [data[a:b].decode() for a, b in pairwise(bounds)]

    names, words, values = map(texts, ("node.name", "word.end", "text.end"), ("names.byte", "words.byte", "texts.byte"))
    must(all(len(t) <= 255 and t.isprintable() for t in names + words), "a name is too long or cannot be printed")
    must(words[0] == "" and len({nfc(word) for word in words}) == len(words), "a word stands twice")
    types = [(words[a], words[b], words[c], d) for a, b, c, d in rows("type", "name provider version schema")]
    nodes, depth, seen, total = [], [], set(), 0
    for row, (name, (up, kind)) in enumerate(zip(names, rows("node", "parent type"), strict=True)):  # 4.2
        holder = nodes[up] if row else Node("", *types[kind], {}, {})
        must(holder.type == "Graph" and (row or (name, up) == ("", 0)), f"what holds {name!r} is no graph")
        must(not row or not (name in ("", ".") or "/" in name or ":" in name), f"no node can be called {name!r}")
        must((up, nfc(name)) not in seen, f"two nodes are called {name!r}")
        seen.add((up, nfc(name)))
        depth.append(depth[up] + 1 if row else 0)
        nodes.append(Node(f"{holder.path}/{name}" if up else name, *types[kind], {}, {}))
        total += len(nodes[row].path.replace("/", "").encode())
        must(depth[row] <= 33 and total <= (1 << 22) + 512 * len(names), "paths are too long")

    long, fields = set(), list(rows("attr", "node name")) + list(rows("array", "node field"))
    must(len(set(fields)) == len(fields), "a node has a field twice")
    for row, name, kind, value in rows("attr", "node name kind value"):  # 6.1
        must(kind > 1 or value <= kind, f"the value of {words[name]!r} is not of its kind")
        (whole,), (real,) = (struct.unpack(form, value.to_bytes(8, "little")) for form in ("<q", "<d"))
        text = values[value] if kind > 3 else ""
        must(kind < 5 or len(text) <= 256 or value not in long, "a long value is used twice")
        long.add(value if kind == 5 else None)
        said = (None, bool(value), whole, real, text, kind == 5 and untagged(strict(text)))[kind]
        nodes[row].attrs[words[name]] = said

    lengths, at, end, places = iter(columns["axis.length"].tolist()), 0, 0, []  # 5
    for row, name, dtype, rank, crc, place in rows("array", "node field dtype rank crc32 place"):
        shape, width = list(islice(lengths, rank)), np.dtype(DTYPES[dtype]).itemsize
        size = prod(shape) * width
        must(len(shape) == rank and prod(max(n, 1) for n in shape) * width <= 1 << 50, "an array is too large")
        must(not place or (size > 1024 and place % 64 == 0), f"{words[name]!r} is where it cannot be")
        raw = tree[place : place + size] if place else columns["data.byte"][at : at + size]
        must(len(raw) == size and zlib.crc32(raw) == crc, f"{nodes[row].path}.{words[name]}: another crc32")
        nodes[row].arrays[words[name]] = array(raw, DTYPES[dtype], shape)
        places += [(place, place + size)] if place else []
        at += 0 if place else -(-size // 8) * 8
    must(next(lengths, None) is None and at == len(columns["data.byte"]), "lengths or bytes are left over")
    must(all(a[1] <= b[0] for a, b in pairwise(sorted(places))), "two arrays share bytes")

    edges, parents = [], columns["node.parent"].tolist()
    for level, a, p, b, q, delay in rows("edge", "level src src_port dst dst_port delay"):  # 4.4
        must(nodes[level].type == "Graph" and a and b and parents[a] == parents[b] == level, "an edge leads out")
        must(-1 <= delay < 1 << 31, "an edge has no possible delay")
        src, dst = (f"{names[row]}:{words[port]}" if port else names[row] for row, port in ((a, p), (b, q)))
        edges.append(Edge(nodes[level].path, src, dst, None if delay < 0 else delay))
    return nodes, edges


def nfc(text):
    return unicodedata.normalize("NFC", text)


def array(raw, dtype, shape):
    must(dtype in DTYPES and all(type(n) is int and n >= 0 for n in shape), "an array is malformed")
    must(dtype != "|b1" or not (raw > 1).any(), "a truth value is not 0 or 1")
    return raw.view(dtype).reshape(shape)


def strict(text):  # 6.3
    def unique(pairs):
        must(len(dict(pairs)) == len(pairs), "a key stands twice in JSON")
        return dict(pairs)

    def finite(number):
        must(abs(float(number)) < float("inf"), f"{number:.20} is no JSON number")
        return float(number)

    return json.loads(text, object_pairs_hook=unique, parse_constant=finite, parse_float=finite)


def untagged(form, depth=0):  # 6.2
    if form is None or isinstance(form, bool | str):
        return form
    ((kind, content),) = form.items()
    must(depth <= 32 and type(content) is (str if kind in ("int", "float", "bits") else list), "a value is malformed")
    if kind == "array":
        dtype, shape, data = content
        return array(np.frombuffer(base64.b64decode(data, validate=True), np.uint8), dtype, shape)
    if kind == "dict":
        found = {key: untagged(item, depth + 1) for key, item in content}
        must(len(found) == len(content) and all(isinstance(key, str) for key in found), "a dict is malformed")
        return found
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](untagged(item, depth + 1) for item in content)
    numbers = {"int": lambda t: int(t, 0), "float": float, "bits": lambda t: struct.unpack("<d", bytes.fromhex(t))[0]}
    return numbers[kind](content)


if __name__ == "__main__":
    header, nodes, edges = read(sys.argv[1])
    print(f"format {header['format']} by {header['writer']}: {len(nodes) - 1} nodes, {len(edges)} edges")
    for node in nodes:
        print(
            f"{node.path or '(graph)'}: {node.type}", *(f"{n} {a.dtype}{list(a.shape)}" for n, a in node.arrays.items())
        )
