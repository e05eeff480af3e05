"""Durable writing: the target is the old file or the complete new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from talon.ir.errors import TalonError, TalonFileError

STALE_SECONDS = 3600.0
"""A temporary file that nobody has touched for this long was left behind by a writer that died."""


@contextlib.contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `target`; when the block ends well, make it durable and put it in target's place.

    Parent folders are made. A symbolic link is followed, so that what it points to is replaced. Raises
    `TalonFileError` (T301) where the folder cannot be written; on any error the target is left as it was.
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_file():
        raise TalonFileError(
            "T308",
            "only a file can be replaced",
            file=str(path),
            expected="a path that is free, or a regular file",
            found="a folder" if path.is_dir() else "a device, pipe or socket",
            help="give the name of a file",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.talon-tmp")
    try:
        yield temporary
        keep_mode(path, temporary)
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except TalonError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove temporaries that writers of the same target left behind when they died."""
    now = time.time()
    for left in path.parent.glob(f".{path.name}.*.talon-tmp"):
        with contextlib.suppress(OSError):
            if now - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def keep_mode(path: Path, temporary: Path) -> None:
    """A file that is replaced keeps its permissions."""
    with contextlib.suppress(FileNotFoundError):
        temporary.chmod(path.stat().st_mode & 0o7777)


def sync(path: Path) -> None:
    """Force a file or folder to the disk; folders only where the system can."""
    flags = os.O_RDONLY
    if path.is_dir():
        if not hasattr(os, "O_DIRECTORY"):
            return
        flags |= os.O_DIRECTORY
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: Path, error: OSError) -> TalonFileError:
    return TalonFileError(
        "T301",
        "the file cannot be written",
        file=str(path),
        found=f"{type(error).__name__}: {error.strerror or error}",
        help="check the folder, its permissions and the space on the disk; a file that was there is unchanged",
    )
