"""The golden data are what they were: every file against its sum, every array against the manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

HERE = Path(__file__).parent
SUMS = [line.split("  ", 1) for line in (HERE / "SHA256SUMS").read_text().splitlines()]
INDEX = json.loads((HERE / "vectors" / "index.json").read_text())
PUBLISHED = HERE / "talon-ir-0.0.2"
MANIFEST: dict[str, Any] = json.loads((PUBLISHED / "manifest.json").read_text())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(HERE)) for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_listed_and_unchanged() -> None:
    listed = {name: expected for expected, name in SUMS}
    assert files_under(PUBLISHED) | files_under(HERE / "vectors") == set(listed)
    changed = [name for name, expected in listed.items() if digest((HERE / name).read_bytes()) != expected]
    assert not changed


def test_the_index_is_complete_and_true() -> None:
    files = [entry["file"] for entry in INDEX["cases"]]
    assert len(files) == len(set(files)) == 141
    # Both kinds have a test that takes every entry of that kind.
    assert {file.partition("/")[0] for file in files} == {"prim", "net"}
    assert {f"vectors/{file}" for file in files} == {
        n for _, n in SUMS if n.endswith(".npz") and n.startswith("vectors/")
    }
    for entry in INDEX["cases"]:
        data = (HERE / "vectors" / entry["file"]).read_bytes()
        assert (len(data), digest(data)) == (entry["bytes"], entry["sha256"]), entry["file"]


def nodes_of(group: h5py.Group, described: dict[str, Any], path: str) -> list[tuple[str, h5py.Group, dict[str, Any]]]:
    """The stored group of every node, nested ones too, with what the manifest says of it."""
    assert set(group) == set(described), path
    found = []
    for name, values in described.items():
        found.append((f"{path}/{name}", group[name], values))
        if "nodes" in values:
            found += nodes_of(group[name]["nodes"], values["nodes"], f"{path}/{name}")
    return found


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_arrays_of_the_published_package(name: str) -> None:
    described = MANIFEST[name]
    compared = 0
    with h5py.File(PUBLISHED / f"{name}.t1c", "r") as file:
        for path, group, values in nodes_of(file["graph"]["nodes"], described["nodes"], name):
            for field, value in values.items():
                if isinstance(value, dict) and "sha256_c_order_bytes" in value:
                    array = np.ascontiguousarray(group[field][()])
                    found = [array.dtype.str, list(array.shape), digest(array.tobytes())]
                    assert found == [value["dtype"], value["shape"], value["sha256_c_order_bytes"]], f"{path} {field}"
                    compared += 1
    assert compared
    archive = PUBLISHED / f"{name}.npz"
    assert archive.exists() == described["executes"]
    if described["executes"]:
        with np.load(archive, allow_pickle=False) as stored:
            assert {key: [list(stored[key].shape), stored[key].dtype.str] for key in stored.files} == described["npz"]
