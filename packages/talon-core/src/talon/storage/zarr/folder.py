"""A store as a folder of files. Nothing in it is followed anywhere else: each step goes from the folder before it."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from talon.ir.errors import TalonError, TalonFileError
from talon.storage.draining import DrainingFiles
from talon.storage.source import OpenFile
from talon.storage.zarr.container import Span, damaged, missing_key

ANCHORED = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether files can be opened from an open folder, whatever becomes of its path."""
_INSIDE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER_INSIDE = _FOLDER | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """The keys of a folder, opened once; what is read later comes from the same folder, even if it was replaced."""

    def __init__(self, path: Path) -> None:
        self.root, self.path = path, str(path)
        self.most_held = open_files() // 4
        if ANCHORED:
            self.fd = os.open(path, _FOLDER)
            weakref.finalize(self, os.close, self.fd)
            self.stamp = identity(os.fstat(self.fd))
        else:
            self.stamp = identity(os.stat(path))

    def replaced(self) -> bool:
        """Whether another folder has the path by now."""
        try:
            return identity(os.stat(self.path)) != self.stamp
        except OSError:
            return True

    def names(self, folder: str) -> Iterator[str]:
        fd = self.open(folder, _FOLDER_INSIDE)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    yield f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
        finally:
            if isinstance(fd, int):
                os.close(fd)

    def span(self, key: str) -> Span:
        file = OpenFile(self.root / key, lambda path, flags: self.opened(key, flags))
        return Span(file, 0, file.stamp.size)

    def size(self) -> int:
        total, folders = 0, [""]
        while folders:
            folder = folders.pop()
            for name in self.names(folder):
                path = f"{folder}/{name}" if folder else name
                if name.endswith("/"):
                    folders.append(path[:-1])
                else:
                    total += (self.root / path).lstat().st_size
        return total

    def opened(self, key: str, flags: int) -> int:
        """A regular file inside."""
        inside = self.open(key, flags | _INSIDE)
        fd = inside if isinstance(inside, int) else os.open(inside, flags)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise damaged(f"{key!r} is no file", "a file", "a folder, pipe, socket or device")
        return fd

    def open(self, key: str, flags: int) -> int | Path:
        """A file or folder inside, opened step by step; where the system cannot, its path, which leads nowhere else."""
        parts = key.split("/") if key else ["."]
        try:
            if not ANCHORED:
                return self.checked(key)
            above = self.fd
            for part in parts[:-1]:
                above = self.step(above, part, _FOLDER_INSIDE)
            return self.step(above, parts[-1], flags)
        except FileNotFoundError:
            raise missing_key(key) from None
        except OSError as error:
            raise unopened(key, error) from error

    def step(self, above: int, name: str, flags: int) -> int:
        """What has a name in an open folder, which is closed if it is not the root."""
        try:
            return os.open(name, flags, dir_fd=above)
        finally:
            if above != self.fd:
                os.close(above)

    def checked(self, key: str) -> Path:
        path = self.root / key
        if os.path.realpath(path) != os.path.join(os.path.realpath(self.root), *key.split("/") if key else ()):
            raise damaged(f"{key!r} is a link")
        path.lstat()
        return path


def unopened(key: str, error: OSError) -> TalonError:
    if isinstance(error, PermissionError):
        what = f"a part of the store may not be read: {key!r}" if key else "the folder may not be read"
        return TalonFileError("T301", what, found=error.strerror, help="check its permissions")
    found = "a link" if error.errno == errno.ELOOP else error.strerror or str(error)
    return damaged(f"{key!r} cannot be opened", "a file or folder, and no link", found)


def identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def open_files() -> int:
    """How many files this process may have open."""
    try:
        import resource
    except ImportError:
        return 512
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 14)


class FolderSink:
    """A new folder, or one that is empty, with a file for each key. `draining`: what large ones are forced to the disk
    by while others are written."""

    def __init__(self, path: Path, draining: DrainingFiles | None = None) -> None:
        self.path, self.draining = path, draining
        path.mkdir(exist_ok=True)

    def put(self, key: str, parts: Iterable[bytes | memoryview], size: int, crc32: int | None = None) -> None:
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb", buffering=0) as file:
            for part in parts:
                write_all(file.fileno(), part)
            if self.draining is not None:
                self.draining.wrote(file.fileno(), size)


def write_all(fd: int, part: bytes | memoryview) -> None:
    """A file may take less at once than it is given."""
    left = memoryview(part)
    while left:
        left = left[os.write(fd, left) :]
