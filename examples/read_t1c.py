"""Reads `.t1c` files with nothing of talon, as docs/format.md says; the numbers in comments are its sections.

`read` gives the header, the nodes, and the edges as (level, src, dst, delay or None); any other file is a ValueError.
"""

import hashlib
import json
import re
import struct
import sys
from binascii import a2b_base64, crc32
from collections import namedtuple
from itertools import islice, pairwise
from math import prod

import numpy as np

# 4: name, dtype and rules of every column. `@t`: row of t; `>h`: ends in h; `+`: ascends; `^n`: at most 2**n.
COLUMNS = """node.name <u4 >names, names.byte |u1, word.end <u4 >words, words.byte |u1, text.end <u8 >texts, texts.byte
|u1, type.name <u4 @word, type.provider <u4 @word, type.version <u4 @word, type.schema <u4 ^30, node.parent <u4 @node,
node.type <u4 @type, attr.node <u4 @node +, attr.name <u4 @word, attr.kind |u1, attr.value <u8, array.node <u4 @node +,
array.field <u4 @word, array.dtype |u1, array.rank |u1 ^5, array.crc32 <u4, array.place <u8 ^62, axis.length <u8 ^40,
data.byte |u1, edge.level <u4 @node +, edge.src <u4 @node, edge.src_port <u4 @word, edge.dst <u4 @node, edge.dst_port
<u4 @word, edge.delay <i8"""
RULES = {name: rules for name, *rules in map(str.split, COLUMNS.split(","))}
DTYPES = ["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"]  # 5
Node = namedtuple("Node", "path type provider version schema attrs arrays")


def must(true, what):
    if not true:
        raise ValueError(what)


def read(path):
    try:
        return content(np.memmap(path, np.uint8, "r").view(np.ndarray))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, struct.error) as error:
        raise ValueError(f"{path}: {error}") from error


def content(data):
    magic, offset, length, whole, sha256 = struct.unpack("<8sQQQ32s", data[-64:].tobytes())
    must(bytes(data[:8]) == b"\x89HDF\r\n\x1a\n" and magic == b"TALONIX\1", "no footer, or not even HDF5")  # 1
    must(whole == len(data) == offset + length + 64 and length <= 2**28 and offset >= 48, "footer")
    index = data[offset:-64].tobytes()
    must(hashlib.sha256(index).digest() == sha256 and offset % 64 == 0, "the sha256 or place of the index is wrong")
    end = 8 + int.from_bytes(index[:8], "little")  # 3
    must(end <= min(8 + 65536, len(index)) and end % 8 == 0, "the header does not fit")
    header, columns = json.loads(index[8:end].decode(), object_pairs_hook=unique), {}
    version, form, writer, listed = map(header.get, ("index", "format", "writer", "columns"))
    must([*map(type, (version, form, writer, listed))] == [int, str, str, list] and len(listed) <= 64, "the header")
    must(version == 1 and re.fullmatch(r"0*1(\.[0-9]{1,9}){0,3}", form), "the file is of another version")  # 8
    must(len(writer.encode().decode()) <= 255 and (form != "1.0" or len(header) == 4), "the writer, or another key")
    for name, dtype, at, count in listed:
        allowed = RULES[name][:1] if name in RULES else DTYPES[1:-1] if form != "1.0" else []
        must(name not in columns and dtype in allowed, f"column {name!r} is unknown, doubled, or of another dtype")
        must(type(at) is type(count) is int and at == end and count >= 0, f"column {name!r} is elsewhere")
        columns[name] = np.frombuffer(index, dtype, count, at)
        end += -(-columns[name].nbytes // 8) * 8
    must(end == len(index), "the last column does not end the index")
    counts = {name.split(".")[0]: len(columns[name]) for name in RULES}
    for name, (_, *rules) in RULES.items():  # 4
        column = columns[name]
        must(len(column) == counts[name.split(".")[0]], f"{name} has another count than its table")
        for rule, what in ((rule[0], rule[1:]) for rule in rules):
            most = counts[what] - 1 if rule == "@" else 2 ** int(what) if rule == "^" else None
            must(most is None or (column <= most).all(), f"{name} is too large")
            must(rule not in ">+" or (column[1:] >= column[:-1]).all(), f"{name} does not ascend")
            must(rule != ">" or column[-1:].sum() == counts[what], f"{name} does not end with its heap")
    return header, *graph(columns, data[:offset])


def graph(columns, tree):
    def rows(table, names):
        return zip(*(columns[f"{table}.{name}"].tolist() for name in names.split()), strict=True)

    def texts(ends, heap):  # 4.1
        return [bytes(columns[heap][a:b]).decode() for a, b in pairwise([0, *columns[ends].tolist()])]

    names, words, values = map(texts, ("node.name", "word.end", "text.end"), ("names.byte", "words.byte", "texts.byte"))
    must(max(map(len, names + words)) <= 255 and len(set(words)) == len(words) and not words[0], "names or words")
    types = [(words[a], words[b], words[c], d) for a, b, c, d in rows("type", "name provider version schema")]
    nodes, total = [], 0
    for name, (up, kind) in zip(names, rows("node", "parent type"), strict=True):  # 4.2
        holder = nodes[up] if nodes else Node("", *types[kind], {}, {})
        must(holder.type == "Graph" and (nodes or (name, up) == ("", 0)), f"what holds {name!r} is no graph")
        must(not nodes or not (name in ("", ".") or "/" in name or ":" in name), f"no node can be called {name!r}")
        nodes.append(Node(f"{holder.path}/{name}" if up else name, *types[kind], {}, {}))
        total += len(nodes[-1].path.replace("/", "").encode())
        must(total <= 2**22 + 512 * len(names) and nodes[-1].path.count("/") < 31 + (types[kind][0] != "Graph"), name)
    once = [node.path for node in nodes] + [*rows("attr", "node name"), *rows("array", "node field")]  # 4.3
    once += [value for kind, value in rows("attr", "kind value") if kind == 5 and len(values[value]) > 256]  # 6.1
    must(len(set(once)) == len(once), "a node, a field or a long value is there twice")
    for row, name, kind, value in rows("attr", "node name kind value"):
        must(kind > 1 or value <= kind, f"the value of {words[name]!r} is not of its kind")
        (whole,), (real,) = (struct.unpack(form, value.to_bytes(8, "little")) for form in ("<q", "<d"))
        said = values[value] if kind > 3 else None
        said = untagged(json.loads(said, object_pairs_hook=unique)) if kind == 5 else said
        nodes[row].attrs[words[name]] = (None, bool(value), whole, real, said, said)[kind]
    lengths, at, places = iter(columns["axis.length"].tolist()), 0, []  # 5
    for row, name, dtype, rank, crc, place in rows("array", "node field dtype rank crc32 place"):
        shape = list(islice(lengths, rank))
        size, most = (prod(axes) * np.dtype(DTYPES[dtype]).itemsize for axes in (shape, [max(n, 1) for n in shape]))
        must(most <= 2**50 and (not place or (size > 1024 and place % 64 == 0)), f"{words[name]!r} is misplaced")
        raw = tree[place : place + size] if place else columns["data.byte"][at : at + size]
        must(len(raw) == size and crc32(raw) == crc, f"the crc32 of {words[name]!r} of {nodes[row].path!r} is another")
        must(dtype != 11 or not (raw > 1).any(), f"a truth value of {words[name]!r} is not 0 or 1")
        nodes[row].arrays[words[name]] = raw.view(DTYPES[dtype]).reshape(shape)
        places += [(place, place + size)] if place else []
        at += 0 if place else -(-size // 8) * 8
    must(columns["array.rank"].sum() == len(columns["axis.length"]) and at == len(columns["data.byte"]), "left over")
    must(all(a[1] <= b[0] for a, b in pairwise(sorted(places))), "two arrays share bytes")
    edges, up = [], columns["node.parent"].tolist()
    for level, a, p, b, q, delay in rows("edge", "level src src_port dst dst_port delay"):  # 4.4
        must(nodes[level].type == "Graph" and a and b and up[a] == up[b] == level and -1 <= delay < 2**31, "an edge")
        src, dst = (f"{names[row]}:{words[port]}" if port else names[row] for row, port in ((a, p), (b, q)))
        edges.append((nodes[level].path, src, dst, None if delay < 0 else delay))
    return nodes, edges


def unique(pairs):  # 6.3
    must(len(dict(pairs)) == len(pairs), "a key stands twice in JSON")
    return dict(pairs)


def untagged(form, depth=0):  # 6.2
    if form is None or isinstance(form, bool | str):
        return form
    ((kind, it),) = form.items()
    must(depth <= 32 and type(it) is (str if kind in ("int", "float", "bits") else list), "a value is malformed")
    if kind == "array":
        (dtype, shape, _), raw = it, np.frombuffer(a2b_base64(it[2], strict_mode=True), np.uint8)
        must(dtype in DTYPES and all(type(n) is int and n >= 0 for n in shape), "an array is malformed")
        must(dtype != "|b1" or not (raw > 1).any(), "a truth value is not 0 or 1")
        return raw.view(dtype).reshape(shape)
    if kind == "dict":
        found = {key: untagged(item, depth + 1) for key, item in it}
        must(len(found) == len(it) and all(isinstance(key, str) for key in found), "a dict is malformed")
        return found
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](untagged(item, depth + 1) for item in it)
    return struct.unpack("<d", bytes.fromhex(it))[0] if kind == "bits" else int(it, 0) if kind == "int" else float(it)


if __name__ == "__main__":
    header, nodes, edges = read(sys.argv[1])
    print(f"format {header['format']} by {header['writer']!r}: {len(nodes) - 1} nodes, {len(edges)} edges")
    print(*(f"{node.path or '(graph)'}: {node.type} {' '.join(node.arrays)}" for node in nodes), sep="\n")
