"""Records of quantised fields that lie: one `TalonError` each, when the file is read or its values are looked at."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.exits import Exit
from talon.cli.main import cli
from talon.ir.arrays import ArrayRef
from talon.ir.document import NodeRecord, to_document
from talon.storage.hdf5.backend import Hdf5Backend
from talon.storage.zarr.backend import ZarrBackend

Change = Callable[[NodeRecord], None]
HUGE = 1 << 20_000
"""Python writes no decimal numbers of more than 4,300 digits: a message that tries raises."""


def said(**parts: Any) -> Change:
    """What the record says of the weight."""

    def change(record: NodeRecord) -> None:
        record.attrs["quant"] = {"weight": {**record.attrs["quant"]["weight"], **parts}}

    return change


def record(value: Any) -> Change:
    def change(found: NodeRecord) -> None:
        found.attrs["quant"] = value

    return change


def array(name: str, value: Any) -> Change:
    def change(found: NodeRecord) -> None:
        found.arrays[name] = ArrayRef.of(np.asarray(value))

    return change


def without(name: str) -> Change:
    def change(found: NodeRecord) -> None:
        del found.arrays[name]

    return change


LIES: dict[str, Change] = {
    "no bits": said(bits=0),
    "bits beyond any": said(bits=HUGE),
    "bits that are true": said(bits=True),
    "bits that are an array": said(bits=np.array([4, 4])),
    "a rule that is none": said(rule=None),
    "a rule that is an array": said(rule=np.array([1, 2])),
    "a rule that is a dict": said(rule={"pow2": HUGE}),
    "more than bits and rule": said(zero=HUGE),
    "a record that is a number": record(HUGE),
    "a record that is a list": record(["weight", HUGE]),
    "a record of no field": record({"nothing": {"bits": 4, "rule": "float"}}),
    "a record of an attribute": record({"metadata": {"bits": 4, "rule": "float"}}),
    "no scale": without("weight_scale"),
    "no integers": without("weight"),
    "a scale of zero": array("weight_scale", np.zeros((3, 1), np.float32)),
    "a negative scale": array("weight_scale", np.full((3, 1), -1, np.float32)),
    "an infinite scale": array("weight_scale", np.full((3, 1), np.inf, np.float32)),
    "a scale that is no number": array("weight_scale", np.full((3, 1), np.nan, np.float32)),
    "a scale of float64": array("weight_scale", np.full((3, 1), 0.1)),
    "a scale of integers": array("weight_scale", np.ones((3, 1), np.int64)),
    "a scale that broadcasts the integers": array("weight_scale", np.ones((2, 3, 4), np.float32)),
    "a scale without elements": array("weight_scale", np.ones((0, 1), np.float32)),
    "a scale whose products are infinite": array("weight_scale", np.full((3, 1), 3e38, np.float32)),
    "integers beyond their bits": array("weight", np.full((3, 4), 100, np.int8)),
    "the integer that has no negative": array("weight", np.full((3, 4), -8, np.int8)),
    "integers that are floats": array("weight", np.ones((3, 4), np.float32)),
    "integers of 64 bits": array("weight", np.ones((3, 4), np.int64)),
    "integers that are truths": array("weight", np.ones((3, 4), bool)),
    "no integers at all": array("weight", np.zeros((0, 4), np.int8)),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("way", ["index", "tree", "zarr"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_lie_is_one_error(tmp_path: Path, lie: str, way: str, lazy: bool) -> None:
    weight = ir.Quantized(np.full((3, 4), 5, np.int8), np.full((3, 1), 0.5, np.float32), 4)
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(weight), output=ir.Output([3]))
    document = to_document(graph, lambda cls: ("talon-core", "0.1.0"), "somebody")
    LIES[lie](next(found for found in document.nodes if found.path == "fc"))
    path = tmp_path / ("net.zarr.zip" if way == "zarr" else "net.t1c")
    (ZarrBackend() if way == "zarr" else Hdf5Backend()).write(document, path, None)
    if way == "tree":
        with h5py.File(path, "r+"):
            pass  # HDF5 takes the index away
    with pytest.raises(ir.TalonError) as caught:
        ir.read(path, lazy=lazy).validate()
    assert caught.value.code in ("T201", "T202", "T204", "T205", "T303", "T304")
    assert "fc" in str(caught.value)


WAYS: dict[str, Callable[[Path], object]] = {
    "read at once": lambda path: ir.read(path, lazy=False),
    "loaded": lambda path: ir.read(path).load(),
    "touched": lambda path: ir.read(path).node("sub/fc").weight,  # type: ignore[attr-defined]
    "integers": lambda path: ir.read(path).node("sub/fc").quant["weight"].integers,
    "copied": lambda path: copy.deepcopy(ir.read(path)),
    "pickled": lambda path: pickle.dumps(ir.read(path)),
    "written to HDF5": lambda path: ir.write(path.with_name("other.t1c"), ir.read(path)),
    "written to zarr": lambda path: ir.write(path.with_name("other.zarr"), ir.read(path)),
    "written over itself": lambda path: ir.write(path, ir.read(path)),
    "written in another graph": lambda path: ir.write(path, ir.read(path).rename({"input": "other"})),
    "hashed": lambda path: ir.read(path).fingerprint(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("suffix", [".t1c", ".zarr.zip"])
@pytest.mark.parametrize("side", [5, 100, 300])
def test_integers_beyond_their_bits_are_named_whatever_asks_for_them(
    tmp_path: Path, way: str, sparse: bool, suffix: str, side: int
) -> None:
    """Of an array in the index, one that is read, and one that is mapped."""
    path = too_wide(tmp_path / f"net{suffix}", sparse, side)
    before = path.read_bytes()
    with pytest.raises(ir.TalonFormatError) as caught:
        WAYS[way](path)
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == before
    told = caught.value.diagnostic
    assert (told.code, told.node, told.file) == ("T303", "sub/fc", str(path))
    assert "'weight'" in told.message
    assert (told.expected, told.found) == ("-7 to 7", "-128")


@pytest.mark.parametrize("sparse", [False, True])
def test_show_ends_as_for_other_damaged_files(tmp_path: Path, sparse: bool) -> None:
    path = too_wide(tmp_path / "net.t1c", sparse)
    result = CliRunner().invoke(cli, ["show", str(path), "sub/fc"])
    assert result.exit_code == Exit.UNREADABLE
    assert all(word in result.output for word in ("T303", str(path), "'weight'", "sub/fc"))


def too_wide(path: Path, sparse: bool, side: int = 300) -> Path:
    """A file with an integer of 8 bits where 4 are said."""
    integers: Any = np.eye(side, dtype=np.int8)
    weight = ir.Quantized(ir.CSR.from_dense(integers) if sparse else integers, 0.5, 4)
    inner = ir.Graph.chain(input=ir.Input([side]), fc=ir.Affine(weight), output=ir.Output([side]))
    graph = ir.Graph.chain(input=ir.Input([side]), sub=inner, output=ir.Output([side]))
    document = to_document(graph, lambda cls: ("talon-core", "0.1.0"), "somebody")
    arrays = next(found for found in document.nodes if found.path == "sub/fc").arrays
    name = "weight/data" if sparse else "weight"
    values = arrays[name].load().copy()
    values.flat[-1] = -128
    arrays[name] = ArrayRef.of(values)
    (Hdf5Backend() if path.suffix == ".t1c" else ZarrBackend()).write(document, path, None)
    return path
