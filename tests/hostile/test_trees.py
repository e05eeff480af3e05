"""Strangers' HDF5 trees: each attack is one `TalonError`, soon, and nothing outside the file is read or written."""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from talon import ir
from tests.hostile import trees
from tests.hostile.forged import everything_of

SECONDS = 10.0
MEGABYTES = 200
ATTACKS = [*trees.IN_FILE, *trees.IN_BYTES]


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    trees.honest(tmp_path / "honest.h5")
    return tmp_path / "honest.h5"


def test_the_honest_file_is_read(honest: Path) -> None:
    graph = everything_of(honest)
    assert list(graph.nodes) == ["fc", "in", "out"]
    assert graph.fingerprint() == ir.read(honest, trusted=True).fingerprint()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_one_error(name: str, tmp_path: Path) -> None:
    path, code = trees.attacked(name, tmp_path)
    assert path.stat().st_size < 200_000
    before = {entry: entry.stat().st_mtime_ns for entry in tmp_path.iterdir()}
    began, grown = time.monotonic(), memory()
    with pytest.raises(ir.TalonError) as caught:
        everything_of(path)
    assert time.monotonic() - began < SECONDS
    assert memory() - grown < MEGABYTES
    assert caught.value.code == code, str(caught.value)
    assert str(path) in str(caught.value)
    assert {entry: entry.stat().st_mtime_ns for entry in tmp_path.iterdir()} == before


PACKED = {"gzip bomb", "lzf", "other filters", "unlimited axes"}
"""What trust allows."""


@pytest.mark.parametrize("name", [name for name in trees.IN_FILE if name not in PACKED])
def test_trust_reads_nothing_outside_the_file_either(name: str, tmp_path: Path) -> None:
    path, code = trees.attacked(name, tmp_path)
    with pytest.raises(ir.TalonError) as caught:
        ir.read(path, trusted=True)
    # Without the index that the child makes, it is the graph that refuses names.
    assert caught.value.code in ((code, "T206") if name.startswith("name") else (code,))


def test_trust_reads_what_is_packed(honest: Path) -> None:
    with h5py.File(honest, "r+") as file:
        trees.put(trees.WEIGHT, np.ones((40, 40), "<f4"), compression="gzip", shuffle=True)(file)
    with pytest.raises(ir.TalonFormatError, match="trusted=True"):
        ir.read(honest)
    weight = ir.read(honest, trusted=True).nodes["fc"].weight  # type: ignore[attr-defined]
    assert (weight == 1).all()


def test_a_foreign_group_beside_the_graph_is_left_alone(honest: Path) -> None:
    with h5py.File(honest, "r+") as file:
        file.create_dataset("viewer/settings", data=np.zeros(3, "<i4,<f4"))
    assert everything_of(honest).fingerprint()


def test_two_kinds_of_file_in_one_are_what_hdf5_sees(honest: Path) -> None:
    expected = ir.read(honest).fingerprint()
    honest.write_bytes(trees.zipped(honest.read_bytes()))
    assert ir.read(honest).fingerprint() == expected


@pytest.mark.parametrize("more", [b"x", bytes(64), b"x" * 5000])
def test_a_file_of_the_published_package_may_have_something_behind_it(honest: Path, more: bytes) -> None:
    expected = ir.read(honest).fingerprint()
    with honest.open("ab") as file:
        file.write(more)
    assert everything_of(honest).fingerprint() == expected


def test_changed_bits_and_cut_files_give_an_error_or_a_graph(honest: Path) -> None:
    rng = random.Random(1)
    content = honest.read_bytes()
    target = honest.with_name("changed.h5")
    codes = set()
    for number in range(60):
        changed = bytearray(content)
        if number % 3 == 0:
            del changed[rng.randrange(1, len(changed)) :]
        else:
            # Not in the values of arrays, which say nothing about themselves.
            for _ in range(rng.choice((1, 2, 8))):
                changed[rng.randrange(4000)] ^= 1 << rng.randrange(8)
        target.write_bytes(changed)
        began = time.monotonic()
        try:
            everything_of(target)
        except ir.TalonError as error:
            codes.add(error.code)
        assert time.monotonic() - began < SECONDS
    assert "T303" in codes
    assert not codes & {"T900", "T312"}
