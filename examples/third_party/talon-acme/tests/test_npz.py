"""Graphs in `.npz` files: what every backend promises, and what a stranger's file may not do."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from talon import ir
from talon.testing.storage import check_backend

from talon_acme.neurons import Izhikevich

GRAPH = ir.Graph.chain(ir.Input([4], metadata={"k": (1.5, None)}), ir.Affine(np.eye(4)), Izhikevich(), ir.Output([4]))


def test_it_keeps_what_every_backend_promises() -> None:
    check_backend("npz", ".npz", deterministic=True, lazy=True, checksums=True)


def test_numpy_opens_it(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.npz", GRAPH)
    with np.load(tmp_path / "net.npz", allow_pickle=False) as arrays:
        assert any(np.array_equal(arrays[name], np.eye(4)) for name in arrays.files)


def test_the_values_of_a_large_file_are_checked(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.npz", GRAPH)
    whole = bytearray((tmp_path / "net.npz").read_bytes())
    whole[whole.index(np.eye(4).tobytes())] ^= 1
    (tmp_path / "net.npz").write_bytes(whole)
    graph = ir.read(tmp_path / "net.npz")
    with pytest.raises(ir.TalonFormatError, match="CRC"):
        graph.load()


def changed(path: Path, change: Callable[[Any], None], compression: int = zipfile.ZIP_STORED) -> Path:
    """The file with its header changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(np.load(io.BytesIO(members["talon_acme.npy"])).tobytes())
    change(header)
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(json.dumps(header).encode(), np.uint8))
    members["talon_acme.npy"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def put(key: str, value: Any) -> Callable[[Any], None]:
    """Set `header[key]`, or an entry of its first node where the key is a number, as `edges.0` that of a list."""

    def change(header: Any) -> None:
        *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
        for part in path:
            header = header[part]
        header[last] = value

    return change


def deep(header: Any) -> None:
    value: Any = 1.0
    for _ in range(50):
        value = {"list": [value]}
    put("nodes.0.5", {"dict": [["metadata", value]]})(header)


DAMAGE: list[tuple[str, Callable[[Any], None], str]] = [
    ("no nodes", put("nodes", []), "T303"),
    ("nodes no list", put("nodes", 5), "T303"),
    ("row too short", put("nodes.1", ["a"]), "T303"),
    ("path a number", put("nodes.1.0", 7), "T303"),
    ("schema text", put("nodes.1.4", "1"), "T303"),
    ("attrs a list", put("nodes.1.5", {"list": []}), "T303"),
    ("plain number", put("nodes.1.5", {"dict": [["x", 3]]}), "T303"),
    ("number as float", put("nodes.1.5", {"dict": [["x", {"int": 1.5}]]}), "T303"),
    ("unknown kind", put("nodes.1.5", {"dict": [["x", {"set": []}]]}), "T303"),
    ("key twice", put("nodes.1.5", {"dict": [["x", None], ["x", None]]}), "T303"),
    ("no such array", put("nodes.1.5", {"dict": [["x", {"array": 99}]]}), "T303"),
    ("array from the end", put("nodes.1.5", {"dict": [["x", {"array": -1}]]}), "T303"),
    ("field no array", put("nodes.2.6", {"dict": [["weight", None]]}), "T303"),
    ("deep", deep, "T303"),
    ("edge too short", put("edges.0", ["", "a"]), "T303"),
    ("delay negative", put("edges.0.3", -2), "T303"),
    ("delay true", put("edges.0.3", True), "T303"),
    ("dtype object", put("arrays.1.0", "|O"), "T303"),
    ("dtype long double", put("arrays.1.0", "<f16"), "T303"),
    ("another dtype", put("arrays.1.0", "<i8"), "T303"),
    ("another shape", put("arrays.1.1", [2, 8]), "T303"),
    ("huge shape", put("arrays.1.1", [1 << 40, 1 << 40]), "T303"),
    ("negative shape", put("arrays.1.1", [-1]), "T303"),
    ("shape true", put("arrays.1.1", [True, True]), "T303"),
    ("array not there", lambda header: header["arrays"].append(["<f8", []]), "T303"),
    ("array not listed", lambda header: header["arrays"].pop(), "T303"),
    ("writer a number", put("writer", 3), "T303"),
    ("no format", lambda header: header.pop("format"), "T303"),
    ("newer format", put("format", "2.0"), "T307"),
    ("unknown type", put("nodes.2.1", "Afine"), "T304"),
]


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damage_is_one_error(change: Callable[[Any], None], code: str, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    ir.write(path, GRAPH)
    assert ir.read(changed(path, lambda header: None)).same_as(GRAPH)
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(changed(path, change)).load()
    assert caught.value.code == code, caught.value
    assert caught.value.diagnostic.file == str(path)


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.npz", GRAPH)
    with pytest.raises(ir.TalonFormatError, match="compressed"):
        ir.read(changed(tmp_path / "net.npz", lambda header: None, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("text", [b'{"a": 1, "a": 2}', b'{"a": 1.5}', b'{"a": NaN}', b"[]", b"[" * 100_000, b"\xff"])
def test_the_header_is_strict_json(text: bytes, tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", talon_acme=np.frombuffer(text, np.uint8))
    with pytest.raises(ir.TalonFormatError):
        ir.read(tmp_path / "net.npz")


def test_an_npz_of_other_people_is_nobodys_graph(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", weight=np.eye(3))
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(tmp_path / "x.npz")
    assert caught.value.code == "T302"
