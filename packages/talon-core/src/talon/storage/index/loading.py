"""All arrays of a file, read and proved at once."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from talon.storage.index.arrays import MAPPED, NATIVE
from talon.storage.index.layout import BOOL, DTYPES

if TYPE_CHECKING:
    from talon.storage.index.records import Records

THREADS = min(8, os.cpu_count() or 1)
"""Reading and checksums go on without Python, so that several large arrays can be loaded at once."""


@contextlib.contextmanager
def loading(records: Records) -> Iterator[Callable[[int], np.ndarray]]:
    """Gives a function for the values of each row of the table of arrays, to be asked for once.

    Inside the block threads read and prove the large ones; the others come when they are asked for.
    """
    tables, pool = records.tables, ThreadPoolExecutor(THREADS)
    data, crc32 = tables["data.byte"], tables["array.crc32"].tolist()
    plain = (tables.arrays.inside >= 0) & (tables["array.dtype"] != BOOL) & NATIVE
    inside = np.where(plain, tables.arrays.inside, -1).tolist()
    axes, lengths, dtypes = records.axes, records.lengths, [DTYPES[number] for number in records.dtype]

    def load(i: int) -> np.ndarray:
        if inside[i] >= 0:
            # What `StoredArray` does, with less around it for each of many arrays. It says what is wrong, too.
            array = np.ndarray(lengths[axes[i] : axes[i + 1]], dtypes[i], data, inside[i])
            if zlib.crc32(array.data) == crc32[i]:
                return array
        return ahead.pop(i).result() if i in ahead else records.stored(i).detached()

    try:
        large = np.flatnonzero(tables.arrays.nbytes > MAPPED).tolist()
        ahead = {i: pool.submit(records.stored(i).detached) for i in large}
        yield load
    finally:
        pool.shutdown(cancel_futures=True)
