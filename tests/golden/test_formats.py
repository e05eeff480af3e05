"""Files of every version of the format are read as what they were, for ever, by index and by tree.

A fingerprint holds the schemas of primitives. Where one rises, files that have it are read as migrated, and their
fingerprint of that day is to be added here beside the one that was recorded, never put in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

from talon import ir
from talon.ir.document import FORMAT
from talon.storage import compared
from talon.storage.backend import Backend, backends, for_reading
from tests.golden.graphs import FIXED, GRAPHS
from tests.golden.record_formats import FORMATS, HERE, SUFFIXES, SUMS, described, record

ROOT = HERE.parents[1]
VERSIONS = sorted(path.name for path in FORMATS.iterdir() if path.is_dir())
FILES = [
    pytest.param(path, id=path.relative_to(FORMATS).as_posix())
    for path in sorted(FORMATS.glob("*/*"))
    if path.name.endswith(SUFFIXES)
]
PUBLISHED: dict[str, str] = json.loads((FORMATS / "talon-ir-0.0.2.json").read_text())


def expected_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path.parent / f"{path.name.partition('.')[0]}.json").read_text())
    return found


def test_nothing_was_changed() -> None:
    lines = [line.split("  ", 1) for line in SUMS.read_text().splitlines()]
    sums = {name: found for found, name in lines}
    assert len(sums) == len(lines)
    assert all(hashlib.sha256((FORMATS / name).read_bytes()).hexdigest() == found for name, found in sums.items())
    there = {path.relative_to(FORMATS).as_posix() for path in FORMATS.rglob("*") if path.is_file()}
    assert there == {"SHA256SUMS", *sums}


def test_every_version_is_there_with_every_graph() -> None:
    assert FORMAT in VERSIONS, "run 'make golden': the format that is written today has no golden files"
    names = {path.name for path in (FORMATS / FORMAT).iterdir()}
    built_in = {suffix for backend in backends().values() for suffix in backend.suffixes}
    assert names == {f"{graph}{suffix}" for graph in GRAPHS for suffix in (".json", *{*SUFFIXES} & built_in)}


@pytest.mark.parametrize("path", FILES)
def test_a_golden_file_says_what_it_said(path: Path) -> None:
    expected = expected_of(path)
    recorded = expected.pop("fingerprint")
    for lazy in (True, False):
        assert described(for_reading(path).read(path, lazy, None)) == expected
        assert ir.read(path, unknown="keep", lazy=lazy).fingerprint() == recorded
    assert compared(path).diagnostics == ()
    assert ir.read_version(path) == path.parent.name


@pytest.mark.parametrize("path", [file for file in FILES if file.values[0].suffix == ".t1c"])  # type: ignore[union-attr]
def test_its_tree_alone_says_the_same(path: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree.t1c"
    tree.write_bytes(path.read_bytes())
    with h5py.File(tree, "r+"):
        pass  # any edit drops the index
    assert tree.stat().st_size < path.stat().st_size
    found, by_index = (ir.read(p, unknown="keep") for p in (tree, path))
    assert found.same_as(by_index)
    assert found.fingerprint() == expected_of(path)["fingerprint"]


def test_every_file_of_the_published_package_has_a_fingerprint() -> None:
    assert {*PUBLISHED} == {path.name for path in (HERE / "talon-ir-0.0.2").glob("*.t1c")}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_of_the_published_package_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    graph = ir.read(HERE / "talon-ir-0.0.2" / name)
    assert graph.fingerprint() == PUBLISHED[name]
    ir.write(tmp_path / name, graph)
    assert ir.read(tmp_path / name).fingerprint() == PUBLISHED[name]


def test_the_recorder_changes_nothing_and_adds_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {path.name for path in record(tmp_path)}
    assert made == {path.name for path in tmp_path.iterdir()}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for graph in GRAPHS:
        monkeypatch.setitem(GRAPHS, graph, lambda: pytest.fail("a graph was made again"))
    assert list(record(tmp_path)) == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    class Second(type(backends()["hdf5"])):  # type: ignore[misc]
        suffixes = (".zarr.zip",)

    known: dict[str, Backend] = {**backends(), "second": Second()}
    for module in ("talon.storage.backend", "tests.golden.record_formats"):
        monkeypatch.setattr(f"{module}.backends", lambda: known)
    (tmp_path / "bits.zarr.zip").unlink(missing_ok=True)
    added = {path.name for path in record(tmp_path)}
    assert "bits.zarr.zip" in added
    assert added <= {f"{graph}.zarr.zip" for graph in GRAPHS}
    assert all(path.read_bytes() == content for path, content in before.items() if path.name not in added)
    found = ir.read(tmp_path / "opaque.zarr.zip", unknown="keep")
    assert found.same_as(ir.read(tmp_path / "opaque.t1c", unknown="keep"))


# Fingerprints are kept in other people's files: these may change only with a new version of fingerprints.
FINGERPRINTS = {
    "empty": "054ecc043f3383d64a2df038408c680b6cb50609a9ad3477c509a9fcc5984fe3",
    "plain": "92576104a294a935ec9c6d1044d582bc2aa2af52f38a34c0646a69525c4cc044",
    "nested": "bb3bfa0e21dca53f13e5327a98458c12e4a15b928cb5c34a74d678ad823aadaf",
    "exact": "441710ab3015e61d873b24d2668fb3f5ee126068365b2bf7a9b15d739a794012",
    "bits": "917d54fa868f6003976e410cc7b7731a448a71714b29658fd1312225886682fe",
    "opaque": "d7b4d341f9040ae9cba6e5d9e8a4c592bba9d9ba4fc00f902284c2f0ff2dc598",
}


@pytest.mark.parametrize("name", FIXED)
def test_fingerprints_are_what_they_were(name: str) -> None:
    assert FIXED[name]().fingerprint() == FINGERPRINTS[name]


FRESH = """
import hashlib, sys
from pathlib import Path
from talon import ir
from talon.storage.backend import backends
from tests.golden.graphs import FIXED
for name, make in FIXED.items():
    print(name, "fingerprint", make().fingerprint())
    for backend, offered in backends().items():
        for suffix in offered.suffixes:
            path = Path(sys.argv[1], f"{name}{suffix}")
            ir.write(path, make(), backend=backend)
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file():
                    said = file.relative_to(sys.argv[1]).as_posix()
                    print(backend, said, hashlib.sha256(file.read_bytes()).hexdigest())
"""


def test_bytes_and_fingerprints_depend_on_nothing_but_the_graph(tmp_path: Path) -> None:
    """Written anew, in processes that order their sets differently, every backend gives the same bytes."""
    said = []
    for seed in ("0", "1", "4242"):
        (tmp_path / seed).mkdir()
        done = subprocess.run(
            [sys.executable, "-c", FRESH, str(tmp_path / seed)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(done.stdout.splitlines())
    assert said[0] == said[1] == said[2]
    assert [line.split()[2] for line in said[0] if line.split()[1] == "fingerprint"] == [*FINGERPRINTS.values()]
    assert len(said[0]) >= 2 * len(FIXED)


@pytest.mark.parametrize("name", FIXED)
def test_what_was_read_is_written_as_the_same_bytes(name: str, tmp_path: Path) -> None:
    ir.write(tmp_path / "a.t1c", FIXED[name]())
    ir.write(tmp_path / "b.t1c", ir.read(tmp_path / "a.t1c", unknown="keep"))
    assert (tmp_path / "a.t1c").read_bytes() == (tmp_path / "b.t1c").read_bytes()
