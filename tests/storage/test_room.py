"""The room that is reserved for HDF5: more than it needs where there is more, what it needs where there is not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from talon import ir
from talon.storage.hdf5 import failing

GRAPH = ir.Graph({f"fc{n}": ir.Affine(np.full((100, 100), n, "f4")) for n in range(20)}, [])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Up to where room was asked for. There is as much as the list says first."""
    limit = [1 << 40]
    reserve = os.posix_fallocate

    def posix_fallocate(descriptor: int, start: int, count: int) -> None:
        limit.append(start + count)
        if start + count > limit[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reserve(descriptor, start, count)

    monkeypatch.setattr(os, "posix_fallocate", posix_fallocate)
    return limit


def test_it_is_asked_for_seldom_and_given_back(asked: list[int], tmp_path: Path) -> None:
    ir.write(tmp_path / "n.t1c", GRAPH)
    assert len(asked) - 1 == 1
    assert asked[1] > failing.AHEAD > (tmp_path / "n.t1c").stat().st_size


def test_a_file_that_just_fits_is_written(asked: list[int], tmp_path: Path) -> None:
    ir.write(tmp_path / "n.t1c", GRAPH)
    whole = (tmp_path / "n.t1c").read_bytes()
    asked[0] = len(whole)
    ir.write(tmp_path / "n.t1c", GRAPH)
    assert (tmp_path / "n.t1c").read_bytes() == whole
    asked[0] = len(whole) // 2
    with pytest.raises(ir.TalonError, match="T301"):
        ir.write(tmp_path / "n.t1c", GRAPH)
    assert (tmp_path / "n.t1c").read_bytes() == whole
    assert os.listdir(tmp_path) == ["n.t1c"]
