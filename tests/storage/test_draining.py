"""Large arrays go to the disk while more is written, and no failure of the disk is lost by it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talon import ir
from talon.storage import draining
from talon.storage.draining import Draining

OLD = ir.Graph({"in": ir.Input([1])}, [])
LARGE = ir.Graph({f"fc{n}": ir.Affine(np.full((600, 600), n, "f4")) for n in range(4)}, [])


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "AT_ONCE", 1 << 20)


def failing(number: int) -> Callable[[int], None]:
    def fdatasync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    return fdatasync


@pytest.mark.parametrize("name", ["n.t1c", "n.zarr"])
def test_a_disk_that_fails_is_told_and_the_old_file_stays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells it once: when everything is forced to the disk at the end, all seems to be well."""
    ir.write(tmp_path / name, OLD)
    monkeypatch.setattr(os, "fdatasync", failing(errno.EIO))
    with pytest.raises(ir.TalonError, match="T301") as caught:
        ir.write(tmp_path / name, LARGE)
    assert os.strerror(errno.EIO) in str(caught.value)
    assert ir.read(tmp_path / name).same_as(OLD)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["n.t1c", "n.zarr"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_forces_nothing_is_no_failure(
    number: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", failing(number))
    ir.write(tmp_path / name, LARGE)
    assert ir.read(tmp_path / name).same_as(LARGE)


@pytest.mark.parametrize("name", ["n.t1c", "n.zarr"])
def test_a_system_that_has_no_such_thing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fdatasync")
    ir.write(tmp_path / name, LARGE)
    assert ir.read(tmp_path / name).same_as(LARGE)


def test_the_writer_does_not_wait_for_a_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    done, calls = threading.Event(), []

    def fdatasync(descriptor: int) -> None:
        calls.append(descriptor)
        assert done.wait(10)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with Draining(7) as file:
        file.wrote(draining.AT_ONCE - 1)
        assert file.running is None
        for _ in range(3):
            file.wrote(draining.AT_ONCE)
        done.set()
    assert calls == [7]


def test_an_error_of_the_block_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fdatasync", failing(errno.EIO))
    draining_file = Draining(7)
    draining_file.wrote(draining.AT_ONCE)
    with pytest.raises(KeyError), draining_file:
        raise KeyError("mine")


def test_a_disk_slower_than_the_writer_holds_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would hold a descriptor, of which a process has few."""
    held, most = [0], [0]
    duplicate = os.dup

    def dup(descriptor: int) -> int:
        held[0] += 1
        most[0] = max(most[0], held[0])
        return duplicate(descriptor)

    def fdatasync(descriptor: int) -> None:
        time.sleep(0.02)
        held[0] -= 1

    monkeypatch.setattr(os, "dup", dup)
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    graph = ir.Graph({f"fc{n}": ir.Affine(np.full((600, 600), n, "f4")) for n in range(30)}, [])
    ir.write(tmp_path / "n.zarr", graph)
    assert 1 <= most[0] <= draining.MOST_WAITING
    assert ir.read(tmp_path / "n.zarr").same_as(graph)


def test_a_disk_that_fails_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told while arrays are written, and what waits for the disk is given up."""
    calls = []

    def fdatasync(descriptor: int) -> None:
        calls.append(descriptor)
        time.sleep(0.005)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    graph = ir.Graph({f"fc{n}": ir.Affine(np.full((600, 600), n, "f4")) for n in range(60)}, [])
    with pytest.raises(ir.TalonError, match="T301"):
        ir.write(tmp_path / "n.zarr", graph)
    assert len(calls) < 20
    assert not os.listdir(tmp_path)


LIMITED = """
import os, resource, sys
import numpy as np
from talon import ir

def unsupported(*given):
    raise OSError(95, "not supported")

path, limit = sys.argv[1], int(sys.argv[2])
os.posix_fallocate = unsupported
old = ir.Graph({"in": ir.Input([1])}, [])
ir.write(path, old)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    ir.write(path, ir.Graph({f"m{n}": ir.Affine(np.full((100, 100), n, "f4")) for n in range(20)}, []))
except ir.TalonError as error:
    print(error.code, ir.read(path).same_as(old), os.listdir(os.path.dirname(path)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of this system")
@pytest.mark.parametrize("limit", [50_000, 100_000, 300_000, 700_000])
def test_without_reservations_a_full_disk_is_told_too(limit: int, tmp_path: Path) -> None:
    """Arrays below 64 KiB: HDF5 would keep them back, and write them where nobody is told that it fails."""
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "n.t1c"), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "T301 True ['n.t1c']\n", ran.stderr
