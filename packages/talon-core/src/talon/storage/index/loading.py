"""All arrays of a file, read and proved at once."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from talon.ir.arrays import ArrayRef
from talon.storage.index.arrays import MAPPED, NATIVE
from talon.storage.index.layout import BOOL, DTYPES, INLINE

if TYPE_CHECKING:
    from talon.storage.index.records import Records

THREADS = min(8, os.cpu_count() or 1)
"""Reading and checksums go on without Python, so that several large arrays can be loaded at once."""
MANY = 16
"""From so many arrays alike on, taking them together is quicker than each by itself."""
AT_ONCE = 1 << 12
"""As many at most are taken together: one that is kept keeps the memory of them all."""
MOST_AXES = 5


@contextlib.contextmanager
def loading(records: Records) -> Iterator[Callable[[int], ArrayRef]]:
    """Gives a function for the values of each row of the table of arrays, to be asked for once.

    Inside the block threads read and prove the large ones; small ones are proved already, the others come when they
    are asked for.
    """
    tables, pool = records.tables, ThreadPoolExecutor(THREADS)

    def load(i: int) -> ArrayRef:
        found = small[i]
        if found is None:
            found = ArrayRef.of(ahead.pop(i).result() if i in ahead else records.stored(i).detached())
        return found

    try:
        large = np.flatnonzero(tables.arrays.nbytes > MAPPED).tolist()
        ahead = {i: pool.submit(records.stored(i).detached) for i in large}
        small = proved(records)
        yield load
    finally:
        pool.shutdown(cancel_futures=True)


def proved(records: Records) -> list[ArrayRef | None]:
    """The arrays in the index of which there are many alike, by row. None stands for all others, and for those whose
    bytes are not what was written: what is wrong with them is told when they are loaded by themselves."""
    tables = records.tables
    data, inside, crc32 = tables["data.byte"], tables.arrays.inside, tables["array.crc32"]
    found: list[ArrayRef | None] = [None] * len(crc32)
    for rows in alike(records) if NATIVE else ():
        dtype, shape = DTYPES[records.dtype[rows[0]]], records.shape(int(rows[0]))
        windows = sliding_window_view(data, int(tables.arrays.nbytes[rows[0]]))
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            stack = windows[inside[some]]
            stack.flags.writeable = False
            arrays = list(stack.view(dtype).reshape(-1, *shape))
            whole = np.fromiter(map(zlib.crc32, arrays), np.uint32, len(arrays)) == crc32[some]
            for i, ref, right in zip(some.tolist(), ArrayRef.each(arrays), whole.tolist(), strict=True):
                if right:
                    found[i] = ref
    return found


def alike(records: Records) -> Iterator[np.ndarray]:
    """The rows of small arrays in the index that have one dtype and shape, as far as there are many of them."""
    tables = records.tables
    ranks, dtypes, nbytes = tables["array.rank"], tables["array.dtype"], tables.arrays.nbytes
    # numpy takes any byte for a bool: those are looked at one by one. Single numbers are none of an array's items.
    wanted = (tables.arrays.inside >= 0) & (dtypes != BOOL) & (ranks > 0) & (ranks <= MOST_AXES)
    rows = np.flatnonzero(wanted & (nbytes > 0) & (nbytes <= INLINE))
    ranks, dtypes, starts = ranks[rows], dtypes[rows], tables.arrays.axes[rows]
    # No axis of these is longer than they have bytes: all that tells them apart goes into one number.
    keys = dtypes.astype(np.uint64) * np.uint64(MOST_AXES + 1) + ranks
    for axis in range(MOST_AXES):
        there = ranks > axis
        keys *= np.uint64(INLINE + 1)
        keys[there] += tables["axis.length"][starts[there] + axis]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    bounds = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    for start, end in zip([0, *bounds.tolist()], [*bounds.tolist(), len(rows)], strict=True):
        if end - start >= MANY:
            yield rows[order[start:end]]
