"""Two paths trade places at once: the way to replace a folder, which only Linux offers."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from talon.ir.errors import TalonFileError

AT_FDCWD = -100
RENAME_EXCHANGE = 2
CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)
"""How a file system says that it exchanges nothing."""


@cache
def renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """The function of the C library, or None where there is none."""
    if sys.platform != "linux":
        return None
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    call.restype = ctypes.c_int

    def checked(*arguments: int | bytes) -> int:
        return ctypes.get_errno() if call(*arguments) else 0

    return checked


def can_exchange() -> bool:
    return renameat2() is not None


def exchange(a: Path, b: Path) -> None:
    """Let two paths trade places at once. Raises `TalonFileError` (T308) where the system cannot."""
    call = renameat2()
    if call is None:
        raise no_exchange(b, "a system without renameat2")
    failed = call(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)
    if failed in CANNOT:
        raise no_exchange(b, os.strerror(failed))
    if failed:
        raise OSError(failed, os.strerror(failed), str(b))


def no_exchange(path: Path, found: str) -> TalonFileError:
    return TalonFileError(
        "T308",
        "a folder cannot be replaced at once here, and is left as it is",
        file=str(path),
        expected="Linux, and a file system that exchanges folders",
        found=found,
        help="write a single file, such as net.zarr.zip, or remove the folder first",
    )
