"""The steps of a durable write, each of which may fail or be interrupted, and what may lie beside the target."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talon import ir
from talon.storage import atomic
from talon.storage.backend import for_writing
from tests.storage.writing import FORMATS

OLD, NEW = (ir.Graph({"in": ir.Input([size])}, []) for size in (1, 2))
HOUR = 3600.0


@pytest.fixture(params=FORMATS, ids=lambda form: form[1])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with the old graph, alone in its folder."""
    found = tmp_path / "folder" / f"net{request.param[1]}"
    ir.write(found, OLD)
    return found


def ending(path: Path) -> str:
    """The suffix that the backend knows, such as `.zarr.zip`."""
    return "".join(path.suffixes)


def beside(path: Path) -> list[str]:
    """What else is in the folder."""
    return sorted(set(os.listdir(path.parent)) - {path.name})


class Failing:
    """A function of `os` that fails where it should do something: before it, or when it has done it."""

    def __init__(self, function: Callable[..., Any], error: BaseException, when: Callable[..., bool], after: bool):
        self.function, self.error, self.when, self.after = function, error, when, after

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not self.when(*arguments):
            return self.function(*arguments, **named)
        if self.after:
            self.function(*arguments, **named)
        raise self.error


def temporary(given: Any, *_: Any) -> bool:
    return str(given).endswith(".talon-tmp")


def is_folder(handle: int, *_: Any) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def is_folder_of(path: Path) -> Callable[..., bool]:
    return lambda handle: os.path.samestat(os.fstat(handle), path.parent.stat())


def step_of(name: str, path: Path) -> tuple[Any, str, Callable[..., bool]]:
    """What does a step, as an attribute of something, and whether a call of it is that step."""
    steps: dict[str, tuple[Any, str, Callable[..., bool]]] = {
        "permissions": (os, "chmod", temporary),
        "sync": (os, "fsync", lambda handle: not is_folder(handle)),
        "replace": (atomic, "exchange", temporary) if path.is_dir() else (os, "replace", temporary),
        "sync of the folder": (os, "fsync", is_folder_of(path)),
    }
    return steps[name]


STEPS = ("permissions", "sync", "replace", "sync of the folder")
ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
    KeyboardInterrupt(),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", ERRORS, ids=["full", "broken", "interrupt"])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_may_fail(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException, after: bool
) -> None:
    owner, name, when = step_of(step, path)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, Failing(getattr(owner, name), error, when, after))
        with pytest.raises(ir.TalonFileError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            ir.write(path, NEW)
    replaced = step == "sync of the folder" or (step == "replace" and after)
    assert ir.read(path).same_as(NEW if replaced else OLD)
    assert beside(path) == []
    if isinstance(caught.value, ir.TalonFileError):
        assert caught.value.code == "T301"
        assert caught.value.diagnostic.file == str(path)
        if not replaced or step == "sync of the folder":
            assert ("the new file is in its place" if replaced else "is unchanged") in str(caught.value)


@pytest.mark.parametrize("error", ERRORS, ids=["full", "broken", "interrupt"])
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_the_backend_may_fail(path: Path, error: BaseException, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it has written anything, or when all is written."""
    backend = type(for_writing(path, None))
    write = backend.write

    def failing(self: Any, document: Any, temporary: Path, progress: Any) -> None:
        if last:
            write(self, document, temporary, progress)
        raise error

    monkeypatch.setattr(backend, "write", failing)
    with pytest.raises(ir.TalonFileError if isinstance(error, OSError) else KeyboardInterrupt):
        ir.write(path, NEW)
    assert ir.read(path).same_as(OLD)
    assert beside(path) == []


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("family", [OSError, KeyboardInterrupt])
def test_what_is_told_may_fail(path: Path, family: type[BaseException], last: bool) -> None:
    """When the first progress is told, or the last."""

    def progress(done: int, total: int) -> None:
        if not last or done == total:
            raise family

    with pytest.raises(family):
        ir.write(path, NEW, progress=progress)
    assert ir.read(path).same_as(OLD)
    assert beside(path) == []


class Interrupted:
    """Functions of `os` of which one call, counted over all, is interrupted before or after it has done its work."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int, after: bool) -> None:
        self.left = number
        for name in ("unlink", "rmdir"):
            patch.setattr(os, name, self.counting(getattr(os, name), after))

    def counting(self, function: Callable[..., Any], after: bool) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> None:
            self.left -= 1
            if self.left or after:
                function(*arguments, **named)
            if not self.left:
                raise KeyboardInterrupt

        return counted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupt_while_the_old_folder_is_removed(tmp_path: Path, after: bool) -> None:
    """It comes through when nothing of the old one is left; the new one is in its place, and can be replaced again."""
    path = tmp_path / "net.zarr"
    ir.write(path, OLD)
    calls = sum(1 for _ in path.rglob("*")) + 1
    for number in (1, 2, calls // 2, calls - 1, calls):
        ir.write(path, OLD)
        with pytest.MonkeyPatch.context() as patch:
            interrupted = Interrupted(patch, number, after)
            with pytest.raises(KeyboardInterrupt):
                ir.write(path, NEW)
        assert interrupted.left < 0 or number == calls
        assert ir.read(path).same_as(NEW)
        assert beside(path) == []


def test_the_old_folder_is_removed_when_the_new_one_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is removed may be on the disk before it is known there that another folder has the name."""
    path, done = tmp_path / "net.zarr", []
    ir.write(path, OLD)
    for name in ("exchange", "sync_folder", "remove"):
        function = getattr(atomic, name)

        def noted(*arguments: Any, name: str = name, function: Callable[..., Any] = function) -> None:
            done.append(name)
            function(*arguments)

        monkeypatch.setattr(atomic, name, noted)
    ir.write(path, NEW)
    assert done == ["exchange", "sync_folder", "remove"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_folder_that_cannot_be_synced(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Some file systems do not know what it means; some folders may be written but not read."""
    monkeypatch.setattr(os, "fsync", Failing(os.fsync, OSError(code, os.strerror(code)), is_folder, False))
    ir.write(path, NEW)
    assert ir.read(path).same_as(NEW)


def aged(path: Path, content: str = "x") -> Path:
    path.write_text(content)
    os.utime(path, (time.time() - 2 * HOUR,) * 2)
    return path


def test_what_lies_beside(path: Path) -> None:
    """Stale temporaries of the same target go; fresh ones, those of others, and what looks like them stay."""
    name = path.name
    stale = aged(path.with_name(f".{name}.0123456789ab.talon-tmp"))
    fresh = path.with_name(f".{name}.ba9876543210.talon-tmp")
    fresh.write_text("x")
    others = [
        f".x{name}.0123456789ab.talon-tmp",
        f".{name}.x.0123456789ab.talon-tmp",
        f".{name}.backup.talon-tmp",
        f".{name}.0123456789AB.talon-tmp",
        f".{name}.0123456789ab.talon-tmp~",
        f"{name}.0123456789ab.talon-tmp",
        "notes.txt",
    ]
    for other in others:
        aged(path.with_name(other))
    elsewhere = aged(path.parent.parent / "elsewhere")
    link = path.with_name(f".{name}.aaaaaaaaaaaa.talon-tmp")
    link.symlink_to(elsewhere)
    ir.write(path, NEW)
    assert not stale.exists()
    assert elsewhere.exists()
    assert beside(path) == sorted([*others, fresh.name, link.name])


@pytest.mark.parametrize("stem", ["a*", "[ab]", "a?", "x" * 240, "\u00e9" * 120, "a\udcffb", "a\nb", "-", " "])
def test_names(path: Path, stem: str) -> None:
    """Any name that the system takes: its own temporaries are swept, and not those that it would match as a pattern."""
    target = path.with_name(stem + ending(path))
    ir.write(target, OLD)
    if len(os.fsencode(target.name)) < 200:
        stale = aged(path.with_name(f".{target.name}.0123456789ab.talon-tmp"))
        other = aged(path.with_name(f".ab{ending(path)}.0123456789ab.talon-tmp"))
        ir.write(target, NEW)
        assert not stale.exists()
        assert other.exists()
    ir.write(target, NEW)
    assert ir.read(target).same_as(NEW)


def code_of(target: Path) -> str:
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(target, NEW)
    assert caught.value.help
    return caught.value.code


def test_links(path: Path) -> None:
    """What a link points to is replaced, or made; one that leads to itself is refused."""
    link, dangling, loop = (path.with_name(f"{name}{ending(path)}") for name in ("link", "dangling", "loop"))
    link.symlink_to(path.name)
    dangling.symlink_to(f"new{ending(path)}")
    loop.symlink_to(loop.name)
    ir.write(link, NEW)
    ir.write(dangling, NEW)
    assert code_of(loop) == "T308"
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert loop.is_symlink()
    assert ir.read(path).same_as(NEW)
    assert ir.read(path.with_name(f"new{ending(path)}")).same_as(NEW)


def test_where_no_file_can_be(path: Path) -> None:
    folder = path.with_name(f"folder{ending(path)}")
    folder.mkdir()
    (folder / "keep").touch()
    assert code_of(folder) == "T308"
    assert os.listdir(folder) == ["keep"]
    file = path.with_name("file")
    file.touch()
    assert code_of(file / path.name) == "T301"
    assert code_of(path.with_name("x" * 256 + ending(path))) == "T301"
    link = path.with_name(f"to_folder{ending(path)}")
    link.symlink_to(folder)
    assert code_of(link) == "T308"
