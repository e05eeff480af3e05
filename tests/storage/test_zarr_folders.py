"""zarr stores as folders: one is replaced at once or not at all, and never one that is not talon's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import zarr

from talon import ir
from talon.storage import atomic, exchange
from talon.storage.zarr.folder import Folder
from talon.testing.storage import content
from tests.storage.zarr_graphs import GRAPH, OTHER, WIDE, code_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ir.write(tmp_path / "g.zarr", GRAPH)
    return tmp_path / "g.zarr"


def test_a_folder_of_anything_else_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "data.zarr").mkdir()
    zarr.create_array(str(tmp_path / "data.zarr" / "x"), shape=(3,), dtype="f4")
    zarr.create_group(str(tmp_path / "group.zarr"), attributes={"mine": 1})
    (folder / "notes.txt").write_text("mine")
    for name in ("empty.zarr", "data.zarr", "group.zarr", "g.zarr"):
        before = content(tmp_path / name)
        assert code_of(ir.write, tmp_path / name, GRAPH) == "T308"
        assert content(tmp_path / name) == before
    (folder / "notes.txt").unlink()
    assert code_of(ir.write, folder, OTHER, backend="hdf5") == "T308"
    assert code_of(ir.write, folder, OTHER, overwrite=False) == "T306"
    assert ir.read(folder).same_as(GRAPH)


@pytest.mark.parametrize("names", [["zarr.json"], ["columns", "arrays"], ["columns", "arrays", "zarr.json"]])
def test_what_only_looks_like_a_store_is_left_alone(tmp_path: Path, names: list[str]) -> None:
    """An empty or linked root is told when it is read; nobody knows whose it is."""
    folder = tmp_path / "g.zarr"
    for name in names:
        (folder / name).mkdir(parents=True) if "." not in name else (
            folder.mkdir(exist_ok=True),
            (folder / name).touch(),
        )
    assert code_of(ir.read, folder) == "T303"
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(folder, GRAPH)
    assert caught.value.code == "T308"
    assert ascii(sorted(names)[0]) in str(caught.value.found)
    assert sorted(os.listdir(folder)) == sorted(names)


@pytest.mark.parametrize("key", ["zarr.json", "columns/zarr.json", "arrays", "columns/node.type/c/0"])
def test_what_may_not_be_read_is_named(folder: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says no; that is no damage."""
    opening, access = os.open, os.access
    refused = (folder / key).stat()

    def no_access(path: Any, *arguments: Any, **named: Any) -> bool:
        return not os.path.samestat(os.stat(path), refused) and access(path, *arguments, **named)

    def no_open(*arguments: Any, **named: Any) -> int:
        fd = opening(*arguments, **named)
        if os.path.samestat(os.fstat(fd), refused):
            os.close(fd)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return fd

    monkeypatch.setattr(os, "access", no_access)
    monkeypatch.setattr(os, "open", no_open)
    for call in (ir.read, ir.info):
        with pytest.raises(ir.TalonFileError, match="may not be read") as caught:
            call(folder)
        assert (caught.value.code, caught.value.diagnostic.file) == ("T301", str(folder))
        assert f": '{key}" in str(caught.value)


def test_files_and_folders_replace_each_other(tmp_path: Path) -> None:
    path = tmp_path / "g.zarr"
    path.write_text("anything")
    path.chmod(0o640)
    ir.write(path, GRAPH)
    assert path.is_dir()
    assert path.stat().st_mode & 0o700 == 0o700, "a folder has the permissions of a file"
    path.chmod(0o750)
    ir.write(path, OTHER)
    assert path.stat().st_mode & 0o777 == 0o750
    link = tmp_path / "link.zarr"
    link.symlink_to(path)
    ir.write(link, GRAPH)
    assert link.is_symlink()
    assert ir.read(path).same_as(GRAPH)
    assert sorted(os.listdir(tmp_path)) == ["g.zarr", "link.zarr"]


def test_everything_is_on_the_disk_before_the_exchange(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync, trade = atomic.sync, atomic.exchange

    def exchanged(a: Path, b: Path) -> None:
        inside = {str(file) for file in (a, *a.rglob("*"))}
        assert set(synced) == inside
        synced.clear()
        trade(a, b)

    monkeypatch.setattr(atomic, "sync", lambda p: (synced.append(str(p)), sync(p))[1])
    monkeypatch.setattr(atomic, "exchange", exchanged)
    ir.write(folder, OTHER)
    assert synced == [str(folder.parent)]


@pytest.mark.parametrize("failure", ["no function", errno.EINVAL, errno.EIO])
def test_where_folders_cannot_be_exchanged_the_old_one_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Any
) -> None:
    call = None if failure == "no function" else lambda *a: failure
    monkeypatch.setattr(exchange, "renameat2", lambda: call)
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(folder, OTHER)
    assert caught.value.code == ("T301" if failure == errno.EIO else "T308")
    assert ".zarr.zip" in str(caught.value) or failure == errno.EIO
    assert ir.read(folder).same_as(GRAPH)
    ir.write(folder.parent / "new.zarr", OTHER)
    assert sorted(os.listdir(folder.parent)) == ["g.zarr", "new.zarr"]


def test_a_failed_write_leaves_the_old_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("talon.storage.zarr.folder.write_all", fail)
    with pytest.raises(ir.TalonFileError, match="No space left"):
        ir.write(folder, OTHER)
    assert ir.read(folder).same_as(GRAPH)
    assert os.listdir(folder.parent) == ["g.zarr"]


def test_stale_temporary_folders_are_swept_and_fresh_ones_left(folder: Path) -> None:
    stale, fresh = (folder.with_name(f".g.zarr.{12 * letter}.talon-tmp") for letter in "ab")
    for left in (stale, fresh):
        (left / "arrays").mkdir(parents=True)
        (left / "arrays" / "x").write_text("x")
        os.utime(left, (time.time() - 7200,) * 2)
    for inside in (stale / "arrays", stale / "arrays" / "x"):
        os.utime(inside, (time.time() - 7200,) * 2)
    os.utime(stale, (time.time() - 7200,) * 2)
    ir.write(folder, GRAPH)
    assert not stale.exists()
    assert fresh.exists()


READER = """
import sys
from talon import ir
first, second, path = sys.argv[1:]
for _ in range(40):
    found = ir.read(path)
    assert found.load().fingerprint() in (first, second)
    found = ir.read(path, lazy=False)
    assert found.fingerprint() in (first, second)
"""


def test_a_reader_meanwhile_sees_the_old_or_the_new_store(folder: Path) -> None:
    other = GRAPH.replace("wide", ir.Affine(WIDE + 1))
    call = [sys.executable, "-c", READER, GRAPH.fingerprint(), other.fingerprint(), str(folder)]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True) as reader:
        written = 0
        while reader.poll() is None:
            ir.write(folder, (other, GRAPH)[written % 2])
            written += 1
        assert reader.stderr is not None
        assert reader.returncode == 0, reader.stderr.read()
    assert written > 5


def test_a_store_that_never_stays_is_one_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "columns" / "zarr.json").unlink()
    assert code_of(ir.read, folder) == "T303"
    monkeypatch.setattr(Folder, "replaced", lambda self: True)
    assert code_of(ir.read, folder) == "T305"
