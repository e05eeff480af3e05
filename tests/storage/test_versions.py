"""Which versions of the format are read: a newer major one never, a newer minor one without what it adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.document import FORMAT, check_format
from talon.storage.backend import backends
from talon.storage.index import footer, packing
from talon.storage.index.layout import aligned
from talon.testing.storage import document
from tests.hostile import trees

GRAPH = ir.Graph.chain(
    input=ir.Input([64]),
    fc=ir.Affine(np.ones((64, 64), np.float32)),
    sub=ir.Graph.chain(ir.Input([64]), ir.Output(None)),
)


def in_format(path: Path, version: str, by_tree: bool) -> Path:
    """A file of another version of the format, with its index or without."""
    later = document(GRAPH)
    later.format = version
    backends()["hdf5"].write(later, path, None)
    if by_tree:
        with h5py.File(path, "r+"):
            pass
    return path


@pytest.mark.parametrize("by_tree", [False, True])
@pytest.mark.parametrize("version", ["2.0", "2", "10.3", "999999999.0.0.1"])
def test_a_newer_major_version_is_refused_with_what_to_install(version: str, by_tree: bool, tmp_path: Path) -> None:
    path = in_format(tmp_path / "f.t1c", version, by_tree)
    calls: list[Callable[[Any], Any]] = [ir.read, ir.info, ir.read_version]
    for call in calls:
        with pytest.raises(ir.TalonFormatError) as caught:
            call(path)
        error = caught.value
        assert (error.code, error.diagnostic.file) == ("T307", str(path))
        assert (error.expected, error.found) == ("format 1.x", f"format {version}")
        assert error.help == "pip install --upgrade talon-core"


@pytest.mark.parametrize("by_tree", [False, True])
@pytest.mark.parametrize("version", ["1.1", "1.999", "1", "1.0.1"])
def test_a_newer_minor_version_is_read(version: str, by_tree: bool, tmp_path: Path) -> None:
    path = in_format(tmp_path / "f.t1c", version, by_tree)
    assert ir.read(path).same_as(GRAPH)
    assert ir.info(path).format == ir.read_version(path) == version
    ir.write(path, ir.read(path))
    assert ir.read_version(path) == FORMAT


@pytest.mark.parametrize("by_tree", [False, True])
@pytest.mark.parametrize("version", ["0.9", "one", "1.", "1.0-beta", ""])
def test_what_is_no_version_of_ours_is_damage(version: str, by_tree: bool, tmp_path: Path) -> None:
    path = in_format(tmp_path / "f.t1c", version, by_tree)
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(path)
    assert (caught.value.code, caught.value.expected) == ("T303", "1.x")
    assert caught.value.help


def published(path: Path, version: str | None) -> Path:
    """A file as the published package writes it, with another `/version`."""
    trees.honest(path)
    with h5py.File(path, "r+") as file:
        del file["version"]
        if version is not None:
            file["version"] = version
    return path


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("version", ["0.1", "1", "1.0", "0.7.3", "99.0"])
def test_a_newer_published_layout_is_refused_with_what_to_install(version: str, trusted: bool, tmp_path: Path) -> None:
    path = published(tmp_path / "f.t1c", version)
    for call in (ir.read, ir.info, ir.read_version):
        with pytest.raises(ir.TalonFormatError) as caught:
            call(path, trusted=trusted)
        assert (caught.value.code, caught.value.found) == ("T307", f"version {version}")
        assert caught.value.help == "pip install --upgrade talon-core"


@pytest.mark.parametrize("version", [None, "", "one", "0.0.1-beta", "0." + "9" * 5000])
def test_a_published_layout_without_a_version_is_damage(version: str | None, tmp_path: Path) -> None:
    path = published(tmp_path / "f.t1c", version)
    for call in (ir.read, ir.info, ir.read_version):
        with pytest.raises(ir.TalonFormatError) as caught:
            call(path)
        assert caught.value.code == "T303"
        assert "/version '0.0.1'" in str(caught.value.expected)


@pytest.mark.parametrize("version", ["0.0.1", "0.0.2", "0.0", "0"])
def test_the_published_layouts_that_there_were_are_read(version: str, tmp_path: Path) -> None:
    path = published(tmp_path / "f.t1c", version)
    assert ir.read_version(path) == ir.info(path).format == version
    assert list(ir.read(path).nodes) == ["fc", "in", "out"]


def with_more(path: Path, version: str) -> Path:
    """A file whose index has a column, and its header a key, that nobody knows."""
    content = in_format(path, version, False).read_bytes()
    end, length = (int.from_bytes(content[-n : -n + 8], "little") for n in (56, 48))
    tree, index = content[:end], content[end : end + length]
    columns = packing.header_of(index).columns
    values = {name: array.tobytes() for name, array in packing.unpack(index, packing.header_of(index)).items()}
    names = [(name, dtype, count) for name, dtype, _, count in columns] + [("node.mood", "<u2", 3)]
    values["node.mood"] = bytes(6)
    start, listed, parts = 8192, [], []
    for name, dtype, count in names:
        data = values[name]
        listed.append([name, dtype, start, count])
        parts.append(data.ljust(aligned(len(data)), b"\0"))
        start += len(parts[-1])
    header = {"index": 1, "format": version, "writer": "later", "columns": listed, "mood": "good"}
    said = json.dumps(header).encode().ljust(8192 - 8)
    with path.open("wb") as file:
        file.write(tree)
        footer.append(file, len(said).to_bytes(8, "little") + said + b"".join(parts))
    return path


def test_what_a_newer_minor_version_adds_to_the_index_is_passed_over(tmp_path: Path) -> None:
    assert ir.read(with_more(tmp_path / "f.t1c", "1.1")).same_as(GRAPH)
    with pytest.raises(ir.TalonFormatError) as caught:
        ir.read(with_more(tmp_path / "g.t1c", FORMAT))
    assert caught.value.code == "T303"


def test_what_a_newer_minor_version_adds_to_the_tree_is_passed_over(tmp_path: Path) -> None:
    path = in_format(tmp_path / "f.t1c", "1.1", False)
    with h5py.File(path, "r+") as file:
        file["talon/moods"] = '{"fc": "good"}'
        file["more/of/it"] = np.zeros(5000)
    assert ir.read(path).same_as(GRAPH)


def test_others_name_their_own_distribution() -> None:
    check_format(FORMAT)
    with pytest.raises(ir.TalonFormatError) as caught:
        check_format("2.0", by="talon-acme")
    assert caught.value.help == "pip install --upgrade talon-acme"
