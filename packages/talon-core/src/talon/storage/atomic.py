"""Durable writing: the target is the old file or the complete new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from talon.ir.errors import TalonError, TalonFileError
from talon.storage.exchange import can_exchange, exchange, no_exchange

STALE_SECONDS = 3600.0
"""A temporary file that nobody has touched for this long was left behind by a writer that died."""
NAMED_BYTES = 200
"""How much of the target's name stands in that of a temporary, which must not become too long for the system."""
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)
"""How a folder says that it cannot be forced to the disk: the file system has no such thing, or it may not be read."""

SYNCS_AT_ONCE = 16


@contextlib.contextmanager
def replacing(
    target: str | os.PathLike[str], *, folder: bool = False, replaceable: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Give a temporary path beside `target`; when the block ends well, make it durable and put it in target's place.

    With `folder` the temporary is an empty folder, else there is nothing yet. `replaceable` says of a folder that is
    the target whether it may be replaced; without it none may. Parent folders are made. A symbolic link is followed,
    so that what it points to is replaced. Raises `TalonFileError` (T301) where the folder cannot be written, (T308)
    where what is there cannot be replaced; on any error the target is left as it was, and an interrupt leaves no
    temporary either, nor a part of the old folder.
    """
    path = Path(target)
    try:
        path = Path(os.path.realpath(path))  # which needs the current folder, and that may be gone
        refuse_others(path, replaceable)
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
    except TalonError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = path.with_name(f"{begins(path)}{secrets.token_hex(6)}.talon-tmp")
    try:
        if folder:
            temporary.mkdir()
        yield temporary
        sync_all(temporary)
        keep_mode(path, temporary)
        if os.path.lexists(path) and (folder or path.is_dir()):
            exchange(temporary, path)
        else:
            os.replace(temporary, path)
        # Before the old one is removed: if the power fails, no part of it is to come back.
        sync_folder(path)
    except TalonError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        remove(temporary)


def refuse_others(path: Path, replaceable: Callable[[Path], bool] | None) -> None:
    """Only a regular file is replaced, or a folder of which the caller says so, where the system can (T308)."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode) and replaceable is not None:
        if not replaceable(path):
            raise TalonFileError(
                "T308",
                "a folder is in the way",
                file=str(path),
                expected="a path that is free, or what talon has written there",
                found=content_of(path),
                help="give another name, or remove what is not talon's; it removes no folder that is not its own",
            )
        if not can_exchange():
            raise no_exchange(path, "a system without renameat2")
    elif not stat.S_ISREG(mode):
        kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link that leads back to itself"))
        raise TalonFileError(
            "T308",
            "only a file can be replaced",
            file=str(path),
            expected="a path that is free, or a regular file",
            found=next((name for is_kind, name in kinds if is_kind(mode)), "a device, pipe or socket"),
            help="give the name of a file",
        )


def content_of(folder: Path) -> str:
    """A folder by a few of the names in it."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in islice(entries, 1000))
    except OSError as error:
        return f"a folder that cannot be listed: {error.strerror}"
    few = ", ".join(ascii(name)[:80] for name in names[:4])
    return f"a folder that holds {few}{', ...' if len(names) > 4 else ''}" if names else "an empty folder"


def begins(path: Path) -> str:
    """What the names of a target's temporaries begin with."""
    name = os.fsencode(path.name)
    return f".{path.name if len(name) <= NAMED_BYTES else name[:NAMED_BYTES].decode(errors='ignore')}."


def sweep(path: Path) -> None:
    """Remove temporaries that writers of the same target left behind when they died."""
    name = re.compile(re.escape(begins(path)) + r"[0-9a-f]{12}\.talon-tmp")
    now = time.time()
    with contextlib.suppress(PermissionError), os.scandir(path.parent) as entries:
        for entry in entries:
            if name.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if now - touched(Path(entry)) > STALE_SECONDS:
                        remove(Path(entry))


def touched(path: Path) -> float:
    """When a file, or anything in a folder, was last changed."""
    return max(inside.lstat().st_mtime for inside in below(path))


def below(path: Path) -> Iterator[Path]:
    """A file, or a folder after everything in it."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, files in os.walk(path, topdown=False):
            yield from (Path(folder, name) for name in files)
            yield Path(folder)
    else:
        yield path


def remove(path: Path) -> None:
    """Remove a temporary, whatever it is, as far as that is possible. An interrupt comes through when it is gone: of a
    part of a folder nobody would know for an hour that it is stale."""
    try:
        removed(path)
    except BaseException:
        removed(path)
        raise


def removed(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def keep_mode(path: Path, temporary: Path) -> None:
    """What is replaced by another of its kind keeps its permissions."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() == temporary.is_dir():
            temporary.chmod(path.stat().st_mode & 0o7777)


def sync(path: Path) -> None:
    """Force a file or folder to the disk; folders only where the system can."""
    flags = os.O_RDWR  # Windows forces nothing to the disk for those who may only read
    if path.is_dir():
        if not hasattr(os, "O_DIRECTORY"):
            return
        flags = os.O_RDONLY | os.O_DIRECTORY
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(path: Path) -> None:
    """Force a file, or a folder with everything in it, to the disk."""
    if not path.is_dir():
        return sync(path)
    # One after the other each would wait for the disk; asked at the same time, they share its work.
    from concurrent.futures import ThreadPoolExecutor

    def sync_inside(inside: Path) -> None:
        try:
            sync(inside)
        except OSError as error:
            if error.errno not in NO_SYNC or not inside.is_dir():
                raise

    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        for _ in pool.map(sync_inside, below(path)):
            pass


def sync_folder(path: Path) -> None:
    """Make it last that a target was replaced. Raises (T301) where that is not sure, though the file is there."""
    try:
        sync(path.parent)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise TalonFileError(
                "T301",
                "the file is written, but its folder could not be forced to the disk",
                file=str(path),
                found=f"{type(error).__name__}: {error.strerror or error}",
                help="the new file is in its place; if the power fails now, the old one may come back",
            ) from error


def cannot_write(path: Path, error: OSError) -> TalonFileError:
    return TalonFileError(
        "T301",
        "the file cannot be written",
        file=str(path),
        found=f"{type(error).__name__}: {error.strerror or error}",
        help="check the folder, its permissions and the space on the disk; a file that was there is unchanged",
    )
