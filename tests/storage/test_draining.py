"""Large arrays go to the disk while more is written, and no failure of the disk is lost by it."""

from __future__ import annotations

import errno
import os
import threading
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
