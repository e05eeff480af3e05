"""Graphs in safetensors files: what every backend promises, and what a stranger's file may not do."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from talon import ir
from talon.testing.storage import check_backend

from talon_safetensors.backend import KEY

GRAPH = ir.Graph.chain(
    input=ir.Input([4], metadata={"k": (1.5, None)}),
    fc=ir.Affine(np.eye(4, dtype=np.float16)),
    pool=ir.LIF(2.0, 1.0, 0.0, np.ones(4, bool)),
    output=ir.Output([4]),
)


def test_it_keeps_what_every_backend_promises() -> None:
    check_backend("safetensors", ".talon.safetensors", deterministic=True, lazy=True, checksums=True)


def test_other_tools_find_the_weights_by_name(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.talon.safetensors", GRAPH)
    tensors = load_file(tmp_path / "net.talon.safetensors")
    assert np.array_equal(tensors["fc/weight"], np.eye(4))
    assert tensors["fc/weight"].dtype == np.float16


def test_weights_without_a_graph_are_nobodys(tmp_path: Path) -> None:
    save_file({"fc/weight": np.eye(4)}, tmp_path / "w.talon.safetensors", {"made by": "others"})
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(tmp_path / "w.talon.safetensors")
    assert caught.value.code == "T302"


def changed(path: Path, change: Callable[[Any], object], right: bool = True) -> Path:
    """The file with its metadata changed, and their checksum put right or not."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    said = json.loads(header["__metadata__"][KEY][8:])
    change(said)
    text = json.dumps(said)
    crc32 = zlib.crc32(text.encode()) if right else 0
    header["__metadata__"][KEY] = f"{crc32:08x}{text}"
    new = json.dumps(header, separators=(",", ":")).encode()
    new += b" " * (-len(new) % 8)
    path.write_bytes(struct.pack("<Q", len(new)) + new + content[8 + length :])
    return path


def put(*keys: Any) -> Callable[[Any], None]:
    """Set `header[key][key]...` to the last of the arguments."""

    def change(said: Any) -> None:
        *path, last, value = keys
        for key in path:
            said = said[key]
        said[last] = value

    return change


WEIGHT = ("nodes", 2, 6, "weight")
DAMAGE: list[tuple[str, Callable[[Any], object], str]] = [
    ("no nodes", put("nodes", []), "T303"),
    ("nodes no list", put("nodes", 5), "T303"),
    ("row too short", put("nodes", 1, ["a"]), "T303"),
    ("path a number", put("nodes", 1, 0, 7), "T303"),
    ("schema text", put("nodes", 1, 4, "1"), "T303"),
    ("attrs a list", put("nodes", 1, 5, {"list": []}), "T303"),
    ("attrs untagged", put("nodes", 1, 5, {"a": 1, "b": 2}), "T303"),
    ("no such tensor", put(*WEIGHT, 0, "fc/wieght"), "T303"),
    ("tensor a number", put(*WEIGHT, 0, 3), "T303"),
    ("tensor of another", put(*WEIGHT, 0, "pool/v_threshold"), "T303"),
    ("dtype object", put(*WEIGHT, 1, "|O"), "T303"),
    ("dtype a list", put(*WEIGHT, 1, []), "T303"),
    ("another dtype", put(*WEIGHT, 1, "<i8"), "T303"),
    ("another shape", put(*WEIGHT, 2, [2, 8]), "T303"),
    ("huge shape", put(*WEIGHT, 2, [1 << 40, 1 << 40]), "T303"),
    ("negative shape", put(*WEIGHT, 2, [-4, -4]), "T303"),
    ("shape of bools", put(*WEIGHT, 2, [True, True]), "T303"),
    ("another crc32", put(*WEIGHT, 3, 5), "T303"),
    ("edge too short", put("edges", 0, ["", "a"]), "T303"),
    ("delay negative", put("edges", 0, 3, -2), "T303"),
    ("delay true", put("edges", 0, 3, True), "T303"),
    ("end a number", put("edges", 0, 1, 5), "T303"),
    ("writer a number", put("writer", 3), "T303"),
    ("no format", lambda said: said.pop("format"), "T303"),
    ("format a number", put("format", 1.0), "T303"),
    ("newer format", put("format", "2.0"), "T307"),
    ("unknown type", put("nodes", 2, 1, "Afine"), "T304"),
]


@pytest.mark.parametrize(("change", "code"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damage_is_one_error(change: Callable[[Any], None], code: str, tmp_path: Path) -> None:
    path = tmp_path / "net.talon.safetensors"
    ir.write(path, GRAPH)
    assert ir.read(changed(path, lambda said: None)).same_as(GRAPH)
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(changed(path, change)).load()
    assert caught.value.code == code, caught.value
    assert caught.value.diagnostic.file == str(path)
    assert caught.value.help


def test_the_metadata_have_a_checksum(tmp_path: Path) -> None:
    ir.write(tmp_path / "net.talon.safetensors", GRAPH)
    with pytest.raises(ir.TalonFormatError, match="not what was written"):
        ir.read(changed(tmp_path / "net.talon.safetensors", put("writer", "me"), right=False))


def test_bools_are_true_or_false(tmp_path: Path) -> None:
    """numpy takes any byte for a bool and computes with it."""
    path = tmp_path / "net.talon.safetensors"
    ir.write(path, GRAPH)
    changed(path, put("nodes", 3, 6, "v_threshold", 3, zlib.crc32(b"\1\1\1\2")))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"\1\1\1\1")] + b"\1\1\1\2" + content[content.rindex(b"\1\1\1\1") + 4 :])
    with pytest.raises(ir.TalonFormatError, match="bools"):
        ir.read(path).load()
