"""Memory as the kernels read it fastest."""

from __future__ import annotations

import contextlib
import math
import mmap
from typing import Any

import numpy as np

LINE = 64
"""Bytes of a line of the cache, and of the widest register: what begins a line is never read from two."""


def aligned(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """An array to be filled, whose first value begins a line of the cache."""
    count = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(count + LINE, np.uint8)
    first = skipped(raw)
    found: np.ndarray = raw[first : first + count].view(dtype).reshape(shape)
    return found


def skipped(array: np.ndarray) -> int:
    """How many bytes of it come before a line begins."""
    # `ctypes.data` says the same, ten times as slowly.
    return int(-array.__array_interface__["data"][0] % LINE)


def settled(values: Any) -> Any:
    """The same in memory of that kind, in C order; what is no array stays what it is."""
    if not isinstance(values, np.ndarray) or (values.flags.c_contiguous and skipped(values) == 0):
        return values
    found = aligned(values.shape, values.dtype)
    found[...] = values
    return found


PAGE = 2 << 20
"""Bytes of a large page, where the system has such: of small ones, a processor cannot remember enough to find what lies
far apart in an array larger than some of these."""


def scattered(values: np.ndarray) -> np.ndarray:
    """The same in memory that is read here and there: of large pages where it fills some, if the system gives them."""
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if values.nbytes < PAGE or advice is None:
        return np.ascontiguousarray(values)
    # Private: what may be shared with other processes is of small pages. It goes with the last array that lies in it.
    pages = mmap.mmap(-1, values.nbytes + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a system that does not know them
        pages.madvise(advice)
    raw = np.frombuffer(pages, np.uint8)
    first = -raw.__array_interface__["data"][0] % PAGE
    found: np.ndarray = raw[first : first + values.nbytes].view(values.dtype).reshape(values.shape)
    found[...] = values
    return found
