"""HDF5 trees without an index, and what somebody may do to them: a table of attacks on an honest file.

The honest one has the oldest object headers, which carry no checksums: bytes can be changed in place.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5p, h5s, h5t, h5z

Change = Callable[[h5py.File], object]
SECRET = np.full((40, 40), 77.0, "<f4")
"""Lies in another file of the same folder; no attack may get hold of it."""
WEIGHT = "graph/nodes/fc/weight"
BIAS = "graph/nodes/fc/bias"
EXTRA = "graph/nodes/fc/extra"
TERA = 1 << 40


def honest(path: Path) -> None:
    """Input -> Affine -> Output, as the published package writes it: texts of variable length, no `/talon`."""
    with h5py.File(path, "w", libver="earliest") as file:
        file["version"] = "0.0.1"
        graph = file.create_group("graph")
        graph["type"] = "Graph"
        nodes = graph.create_group("nodes")
        for name in ("in", "out"):
            node = nodes.create_group(name)
            node["type"] = "Input" if name == "in" else "Output"
            node["shape"] = np.array([40], "<i8")
        fc = nodes.create_group("fc")
        fc["type"] = "Affine"
        fc["weight"] = np.arange(1600, dtype="<f4").reshape(40, 40)
        fc["bias"] = np.linspace(-1, 1, 1600, dtype="<f4").reshape(40, 40)[0]
        # A second large array, which no published type has: hints are free.
        fc.create_group("metadata")["big"] = np.linspace(-1, 1, 1600, dtype="<f4")
        edges = graph.create_group("edges")
        text = h5py.string_dtype()
        edges.create_dataset("src", data=["in", "fc"], dtype=text)
        edges.create_dataset("dst", data=["fc", "out"], dtype=text)


def secret(folder: Path) -> Path:
    path = folder / "secret.h5"
    with h5py.File(path, "w") as file:
        file["weight"] = SECRET
    (folder / "secret.bin").write_bytes(SECRET.tobytes())
    return path


def put(name: str, value: Any, **options: Any) -> Change:
    """A dataset in place of what is there."""

    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file.create_dataset(name, data=value, **options)

    return change


def made(name: str, kind: Any, space: Any, prepare: Callable[[Any], object] = lambda plan: None) -> Change:
    """A dataset by the low-level interface, with no values written."""

    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        plan = h5p.create(h5p.DATASET_CREATE)
        prepare(plan)
        h5d.create(file.id, name.encode(), kind, space, plan)

    return change


def virtual(source: str | None) -> Change:
    """The weight as a window on another file, or with None on itself."""

    def change(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((40, 40), "<f4")
        name = "weight" if source else f"/{WEIGHT}"
        layout[:] = h5py.VirtualSource(source or ".", name, (40, 40))
        del file[WEIGHT]
        file.create_virtual_dataset(WEIGHT, layout)

    return change


def external(file: h5py.File) -> None:
    del file[WEIGHT]
    file.create_dataset(WEIGHT, (40, 40), "<f4", external=[("secret.bin", 0, 6400)])


def many_paths(file: h5py.File) -> None:
    """2^40 ways to the innermost group."""
    group = file["graph/nodes/fc"]
    for level in range(40):
        inner = group.create_group(f"a{level}")
        group[f"b{level}"] = inner
        group = inner


def deep(levels: int) -> Change:
    def change(file: h5py.File) -> None:
        group = file["graph/nodes/fc/metadata"]
        for _ in range(levels):
            group = group.create_group("g")

    return change


def nested_graphs(levels: int) -> Change:
    def change(file: h5py.File) -> None:
        nodes = file["graph/nodes"]
        for _ in range(levels):
            graph = nodes.create_group("g")
            graph["type"] = "Graph"
            edges = graph.create_group("edges")
            for end in ("src", "dst"):
                edges.create_dataset(end, data=np.array([], "S1"))
            nodes = graph.create_group("nodes")

    return change


def cycle(file: h5py.File) -> None:
    file["graph/nodes/fc/metadata/up"] = file["graph"]


def bomb(filters: int) -> Change:
    """64 MiB of zeros in a few bytes: packed once or twice."""

    def change(file: h5py.File) -> None:
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk((1 << 24,))
        for _ in range(filters):
            plan.set_deflate(9)
        space = h5s.create_simple((1 << 24,))
        item = h5d.create(file.id, EXTRA.encode(), h5t.IEEE_F32LE, space, plan)
        data = bytes(1 << 26)
        for _ in range(filters):
            data = zlib.compress(data, 9)
        item.write_direct_chunk((0,), data)

    return change


def unknown_filter(plan: Any) -> None:
    plan.set_chunk((10,))
    plan.set_filter(h5z.FILTER_DEFLATE, h5z.FLAG_OPTIONAL, (1,))
    plan.set_filter(32000, h5z.FLAG_OPTIONAL, (1, 2, 3)) if h5z.filter_avail(32000) else plan.set_shuffle()


def flood(file: h5py.File) -> None:
    for number in range(300):
        file["graph/nodes/fc"].attrs[f"a{number}"] = number


def twice(file: h5py.File) -> None:
    file["graph/nodes/fc/copy"] = file[WEIGHT]


def names(*raw: bytes) -> Change:
    """Nodes of these names."""

    def change(file: h5py.File) -> None:
        for name in raw:
            group = h5g.create(file["graph/nodes"].id, name)
            h5py.Group(group)["type"] = "ReLU"

    return change


def reference(kind: str) -> Change:
    def change(file: h5py.File) -> None:
        if kind == "object":
            file.create_dataset(EXTRA, data=np.array([file[WEIGHT].ref], h5py.ref_dtype))
        else:
            file.create_dataset(EXTRA, data=np.array([file[WEIGHT].regionref[:2]], h5py.regionref_dtype))

    return change


def committed(file: h5py.File) -> None:
    file["graph/nodes/fc/metadata/kind"] = np.dtype("<f4")


def null(file: h5py.File) -> None:
    file[EXTRA] = h5py.Empty("<f4")


def padded(file: h5py.File) -> None:
    kind = h5t.IEEE_F32LE.copy()
    kind.set_size(8)
    h5d.create(file.id, EXTRA.encode(), kind, h5s.create_simple((3,)))


def talon(**datasets: str) -> Change:
    """Marked as ours."""

    def change(file: h5py.File) -> None:
        said = {"format": "1.0", "writer": "x", "providers": "{}", "node_order": "{}", "exact": "{}"} | datasets
        for name, text in said.items():
            file[f"talon/{name}"] = np.bytes_(text)

    return change


def injected(file: h5py.File) -> None:
    for name in ("__class__", "step", "__reduce__", "infer"):
        file[f"graph/nodes/fc/{name}"] = "os.system"
    talon()(file)


SIMPLE = h5s.create_simple
IN_FILE: dict[str, tuple[Change, str]] = {
    "external link": (
        lambda f: f["graph/nodes/fc"].__setitem__("extra", h5py.ExternalLink("secret.h5", "/weight")),
        "T303",
    ),
    "external link to the weight": (
        lambda f: (f.__delitem__(WEIGHT), f.__setitem__(WEIGHT, h5py.ExternalLink("secret.h5", "/weight"))),
        "T303",
    ),
    "external link for the graph": (
        lambda f: (f.__delitem__("graph"), f.__setitem__("graph", h5py.ExternalLink("secret.h5", "/"))),
        "T303",
    ),
    "external raw storage": (external, "T303"),
    "virtual dataset": (virtual("secret.h5"), "T303"),
    "virtual dataset onto itself": (virtual(None), "T303"),
    "soft link": (lambda f: f.__setitem__(EXTRA, h5py.SoftLink("/version")), "T303"),
    "soft link onto itself": (lambda f: f.__setitem__(EXTRA, h5py.SoftLink(f"/{EXTRA}")), "T303"),
    "hard link cycle": (cycle, "T303"),
    "hard link twice": (twice, "T303"),
    "2^40 paths": (many_paths, "T303"),
    "deep groups": (deep(150), "T303"),
    "deep graphs": (nested_graphs(40), "T303"),
    "terabytes, contiguous": (made(EXTRA, h5t.IEEE_F32LE, SIMPLE((TERA,))), "T303"),
    "terabytes, many axes": (made(EXTRA, h5t.IEEE_F32LE, SIMPLE((1 << 20,) * 3)), "T303"),
    "terabytes in chunks": (made(EXTRA, h5t.IEEE_F32LE, SIMPLE((TERA,)), lambda p: p.set_chunk((1 << 20,))), "T303"),
    "not allocated": (made(EXTRA, h5t.IEEE_F32LE, SIMPLE((100,))), "T303"),
    "unlimited axes": (
        made(EXTRA, h5t.IEEE_F32LE, SIMPLE((3,), (h5s.UNLIMITED,)), lambda p: p.set_chunk((1,))),
        "T303",
    ),
    "gzip bomb": (bomb(1), "T303"),
    "gzip bomb twice": (bomb(2), "T303"),
    "other filters": (made(EXTRA, h5t.IEEE_F32LE, SIMPLE((100,)), unknown_filter), "T303"),
    "lzf": (put(EXTRA, np.zeros(100), compression="lzf"), "T303"),
    "numbers of variable length": (
        lambda f: f.create_dataset(EXTRA, (3,), h5py.vlen_dtype("<i4")).__setitem__(0, [1, 2, 3]),
        "T303",
    ),
    "object reference": (reference("object"), "T303"),
    "region reference": (reference("region"), "T303"),
    "compound": (put(EXTRA, np.zeros(3, "<i4,<f4")), "T303"),
    "big endian": (put(WEIGHT, np.zeros((40, 40), ">f4")), "T303"),
    "complex": (put(EXTRA, np.zeros(3, "<c8")), "T303"),
    "opaque": (put(EXTRA, np.zeros(3, "V7")), "T303"),
    "long double": (put(EXTRA, np.zeros(3, np.longdouble)), "T303"),
    "enum": (put(EXTRA, np.zeros(3, "i1"), dtype=h5py.enum_dtype({"A": 0, "B": 1})), "T303"),
    "arrays in arrays": (put(EXTRA, np.zeros(3, [("a", "<f4", (2, 2))])), "T303"),
    "padded floats": (padded, "T303"),
    "no shape": (null, "T303"),
    "committed type": (committed, "T303"),
    "attribute flood": (flood, "T303"),
    "a group for an array": (lambda f: (f.__delitem__(WEIGHT), f.create_group(WEIGHT)), "T303"),
    "an array for a group": (lambda f: (f.__delitem__("graph/edges"), f.__setitem__("graph/edges", 1)), "T303"),
    "no edges": (lambda f: f.__delitem__("graph/edges"), "T303"),
    "no graph": (lambda f: f.__delitem__("graph"), "T302"),
    "name: control characters": (names(b"a\nb"), "T303"),
    "name: right to left": (names("a\u202eb".encode()), "T303"),
    "name: not UTF-8": (names(b"a\xff"), "T303"),
    "name: too long": (names(b"a" * 2000), "T303"),
    "name: port": (names(b"a:b"), "T303"),
    "name: twice to the eye": (names("\u00e9".encode(), "e\u0301".encode()), "T303"),
    "unequal edges": (put("graph/edges/src", np.array(["in"], object), dtype=h5py.string_dtype()), "T303"),
    "dangling edge": (put("graph/edges/dst", np.array(["fc", "x"], object), dtype=h5py.string_dtype()), "T303"),
    "edges of numbers": (put("graph/edges/dst", np.array([1, 2])), "T303"),
    "unknown type": (put("graph/nodes/fc/type", "__import__('os').system"), "T304"),
    "type of numbers": (put("graph/nodes/fc/type", 3), "T303"),
    "a version from the future": (talon(format="9.0"), "T307"),
    "no JSON": (talon(exact="{"), "T303"),
    "deep JSON": (talon(exact='{"":' * 1000 + "{}" + "}" * 1000), "T303"),
    "JSON twice": (talon(exact='{"a": {}, "a": {}}'), "T303"),
    "JSON with NaN": (talon(exact='{"": {"dt": NaN}}'), "T303"),
    "JSON beyond floats": (talon(exact='{"": {"dt": 1e999}}'), "T303"),
    "JSON of another form": (talon(providers='{"Affine": 3}'), "T303"),
    "order of other nodes": (talon(node_order='{"": ["a"]}'), "T303"),
    "injected parameters": (injected, "T304"),
}
"""Attacks made with h5py: the change, and the code that reading must raise."""


def patched(old: bytes, new: bytes, which: int = 0) -> Callable[[bytes], bytes]:
    """Bytes changed in place, where they stand for the given time."""

    def change(content: bytes) -> bytes:
        at = -1
        for _ in range(which + 1):
            at = content.index(old, at + 1)
        return content[:at] + new + content[at + len(old) :]

    return change


def offset_of(content: bytes, name: str) -> int:
    with h5py.File(BytesIO(content), "r") as file:
        return int(file[name].id.get_offset())


def moved(name: str, to: Callable[[bytes], int]) -> Callable[[bytes], bytes]:
    """The values of an array said to lie elsewhere."""

    def change(content: bytes) -> bytes:
        here, size = offset_of(content, name), 6400
        return patched(struct.pack("<QQ", here, size), struct.pack("<QQ", to(content), size))(content)

    return change


def heap_text(**changes: int) -> Callable[[bytes], bytes]:
    """Where and how long the first text of an edge is said to be."""

    def change(content: bytes) -> bytes:
        at = offset_of(content, "graph/edges/src")
        length, heap, number = struct.unpack_from("<IQI", content, at)
        said = {"length": length, "heap": heap, "number": number} | changes
        return content[:at] + struct.pack("<IQI", *said.values()) + content[at + 16 :]

    return change


def zipped(content: bytes) -> bytes:
    """A zip archive behind it: two kinds of file in one. What HDF5 sees is honest."""
    with BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("evil.py", "print()")
        return content + file.getvalue()


BIG = "graph/nodes/fc/metadata/big"
IN_BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda c: b"", "T302"),
    "signature alone": (lambda c: c[:8], "T303"),
    "half": (lambda c: c[: len(c) // 2], "T303"),
    "nearly whole": (lambda c: c[:-1], "T303"),
    "bytes before": (lambda c: bytes(512) + c, "T302"),
    "a picture before": (lambda c: (b"\x89PNG\r\n\x1a\n" + bytes(504)) + c, "T302"),
    "overlapping arrays": (moved(WEIGHT, lambda c: offset_of(c, BIG)), "T303"),
    "half overlapping": (moved(WEIGHT, lambda c: offset_of(c, BIG) - 64), "T303"),
    "over the headers": (moved(WEIGHT, lambda c: 96), "T303"),
    "at the beginning": (moved(WEIGHT, lambda c: 0), "T303"),
    "behind the end": (moved(WEIGHT, lambda c: len(c) - 64), "T303"),
    "far behind the end": (moved(WEIGHT, lambda c: 1 << 62), "T303"),
    "a text in no heap": (heap_text(heap=1 << 40), "T303"),
    "a text that is no heap": (heap_text(heap=64), "T303"),
    "a text of four gigabytes": (heap_text(length=(1 << 32) - 1), "T303"),
    "a text of no number": (heap_text(number=60000), "T303"),
    "superblock of the future": (lambda c: c[:8] + b"\x09" + c[9:], "T303"),
    "other address size": (lambda c: c[:13] + b"\x04" + c[14:], "T303"),
}
"""Attacks on the bytes."""


def attacked(name: str, folder: Path) -> tuple[Path, str]:
    """The file of an attack, beside the secret one, and the expected code."""
    path = folder / "attack.h5"
    honest(path)
    secret(folder)
    if name in IN_FILE:
        change, code = IN_FILE[name]
        with h5py.File(path, "r+", libver="earliest") as file:
            change(file)
    else:
        forge, code = IN_BYTES[name]
        path.write_bytes(forge(path.read_bytes()))
    return path, code
