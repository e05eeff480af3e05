"""What `write` is given, and what it says where it cannot write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.storage.backend import for_reading

GRAPH = ir.Graph.chain(ir.Input([64]), ir.Affine(np.ones((64, 300), np.float32).T), ir.Output(None))


def refused(call: Any, *arguments: Any, **named: Any) -> ir.TalonError:
    with pytest.raises(ir.TalonError) as caught:
        call(*arguments, **named)
    return caught.value


@pytest.mark.parametrize("name", ["n.t1c", "n.H5", "n.HDF5", "n", "n-1.0", ".n", "n.zarr", "n.ZARR", "n.Zarr.Zip"])
def test_the_suffix_decides_in_capitals_or_not(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    ir.write(path, GRAPH)
    zarr = "zarr" in name.lower()
    assert type(for_reading(path)).__name__ == ("ZarrBackend" if zarr else "Hdf5Backend")
    assert path.is_dir() == name.lower().endswith(".zarr")
    assert ir.read(path).same_as(GRAPH)


def test_a_slip_of_the_pen_in_a_suffix_is_told(tmp_path: Path) -> None:
    error = refused(ir.write, tmp_path / "net.tic", GRAPH)
    assert error.code == "T308"
    assert error.help == "did you mean '.t1c'?"
    assert "backend='hdf5'" in str(refused(ir.write, tmp_path / "net.nothing", GRAPH).help)
    assert os.listdir(tmp_path) == []


def test_swapped_arguments_are_told(tmp_path: Path) -> None:
    error = refused(ir.write, GRAPH, tmp_path / "n.t1c")
    assert (error.code, error.help) == ("T206", "swap the two")
    assert "write(path, graph)" in str(error)


@pytest.mark.parametrize("name", ["n\ud800.t1c", "\udfff", "n\udc7f.zarr"])
def test_a_path_that_no_system_can_be_given(name: str, tmp_path: Path) -> None:
    for call in (ir.read, ir.info, ir.read_version):
        assert refused(call, tmp_path / name).code == "T308"
        assert refused(call, name).code == "T308"
    error = refused(ir.write, tmp_path / name, GRAPH)
    assert error.code == "T308"
    str(error).encode()
    assert os.listdir(tmp_path) == []


GONE = """
import os, sys
from talon import ir
os.mkdir("gone")
os.chdir("gone")
os.rmdir("../gone")
graph = ir.Graph({"in": ir.Input([1])}, [])
for call in (lambda: ir.write("n.t1c", graph), lambda: ir.write("n.zarr", graph), lambda: ir.read("n.t1c")):
    try:
        call()
    except ir.TalonError as error:
        print(error.code)
ir.write(sys.argv[1], graph)
"""


def test_the_current_folder_may_be_gone(tmp_path: Path) -> None:
    call = [sys.executable, "-c", GONE, str(tmp_path / "n.t1c")]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.returncode) == (["T301"] * 3, 0), done.stderr
    assert (tmp_path / "n.t1c").exists()


@pytest.mark.parametrize("suffix", [".t1c", ".zarr", ".zarr.zip"])
def test_an_array_that_cannot_be_loaded_is_what_is_wrong(suffix: str, tmp_path: Path) -> None:
    ir.write(tmp_path / "old.t1c", GRAPH)
    graph = ir.read(tmp_path / "old.t1c")
    with (tmp_path / "old.t1c").open("ab") as file:
        file.write(b"x")
    error = refused(ir.write, tmp_path / f"new{suffix}", graph)
    assert error.code == "T305"
    assert error.diagnostic.file == str(tmp_path / "old.t1c")
    assert error.diagnostic.node in ("affine", "affine.weight")
    assert os.listdir(tmp_path) == ["old.t1c"]


LITTLE_ROOM = """
import resource, sys
import numpy as np
from talon import ir
path, unlimited = sys.argv[1], resource.getrlimit(resource.RLIMIT_FSIZE)[1]
layers = [ir.Affine(np.ones((n, n), "f4")) for n in (4, 40, 40, 20, 20, 700)]
graph = ir.Graph({f"{n}": layer for n, layer in enumerate(layers)}, [], metadata={"long": "x" * 5000})
ir.write(path, ir.Graph({}, []))
for room in (*range(1, 60_000, 2999), 500_000, 1_900_000, 1_990_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited))
    try:
        ir.write(path, graph, backend="hdf5")
    except ir.TalonError as error:
        print(error.code, error.diagnostic.file == path, error.found)
resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
assert ir.read(path).same_as(ir.Graph({}, []))
ir.write(path, graph)
"""


def test_hdf5_is_never_left_with_what_it_cannot_write(tmp_path: Path) -> None:
    """It would crash when the process ends, or tell of temporary files on stderr."""
    path = tmp_path / "n.t1c"
    call = [sys.executable, "-c", LITTLE_ROOM, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 24
    assert {line.replace("OSError: ", "") for line in lines} == {"T301 True File too large"}
    assert os.listdir(tmp_path) == ["n.t1c"]
    assert ir.read(path).load()


def foreign() -> Exception:
    """An error of talon's that has nothing to do with the file."""
    return ir.TalonValueError("T202", "mine")


@pytest.mark.parametrize("suffix", [".t1c", ".zarr", ".zarr.zip", "store"])
@pytest.mark.parametrize("family", [ValueError, RuntimeError, KeyError, OSError, BrokenPipeError, foreign])
@pytest.mark.parametrize("what", ["write", "read", "read all"])
def test_what_progress_raises_comes_through(
    suffix: str, family: Callable[[], Exception], what: str, tmp_path: Path
) -> None:
    """Whatever it is, it is the caller's: also a pipe or a disk that fails when progress is shown or logged."""
    mine, cause = family(), KeyError("why")
    mine.__cause__ = cause

    def progress(done: int, total: int) -> None:
        raise mine

    if suffix == "store":
        from zarr.storage import MemoryStore

        target: Any = MemoryStore()
    else:
        target = tmp_path / f"n{suffix}"
    if what != "write":
        ir.write(target, GRAPH)
    calls: dict[str, Callable[[], object]] = {
        "write": lambda: ir.write(target, GRAPH, progress=progress),
        "read": lambda: ir.read(target, progress=progress),
        "read all": lambda: ir.read(target, lazy=False, progress=progress),
    }
    with pytest.raises(type(mine)) as caught:
        calls[what]()
    assert caught.value is mine
    assert (mine.__cause__, mine.__context__) == (cause, None)
    assert not isinstance(mine, ir.TalonError) or mine.diagnostic.file is None
    assert os.listdir(tmp_path) == ([] if what == "write" or suffix == "store" else [f"n{suffix}"])


def test_a_backend_that_is_no_name(tmp_path: Path) -> None:
    assert refused(ir.write, tmp_path / "n.t1c", GRAPH, backend=3).code == "T206"
