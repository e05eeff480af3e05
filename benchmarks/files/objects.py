"""How long HDF5 takes for a node of four arrays: `python benchmarks/files/objects.py`.

Object by object, and as a copy of a group whose arrays are written anew before each (docs/decisions/0024). No talon
is in it: no writer of such a tree through h5py goes below these figures.
"""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5d, h5f, h5g, h5o, h5p, h5s, h5t

FIELDS = (b"tau", b"r", b"v_leak", b"v_threshold")
VALUES = np.ones(4, "<f4")


def created(path: Path, memory: bool = False) -> Any:
    access, create = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V110)
    create.set_obj_track_times(False)
    if memory:
        access.set_fapl_core(1 << 16, False)
    return h5f.create(bytes(path), h5f.ACC_EXCL, create, access)


class Making:
    """Makes the group of a node."""

    def __init__(self) -> None:
        self.group, self.compact = h5p.create(h5p.GROUP_CREATE), h5p.create(h5p.DATASET_CREATE)
        self.compact.set_layout(h5d.COMPACT)
        self.compact.set_fill_time(h5d.FILL_TIME_NEVER)
        for plan in (self.group, self.compact):
            plan.set_obj_track_times(False)
        self.space = h5s.create_simple(VALUES.shape)

    def node(self, into: Any, name: bytes) -> tuple[Any, list[Any]]:
        group = h5g.create(into, name, gcpl=self.group)
        arrays = [h5d.create(group, field, h5t.IEEE_F32LE, self.space, self.compact) for field in FIELDS]
        self.fill(arrays)
        return group, arrays

    def fill(self, arrays: list[Any]) -> None:
        for array in arrays:
            array.write(h5s.ALL, h5s.ALL, VALUES, h5t.IEEE_F32LE)


def timed(path: Path, count: int, put: Callable[[Any, bytes], object]) -> float:
    """Microseconds of the processor for each node, the file closed."""
    start = time.process_time()
    file = created(path)
    for number in range(count):
        put(file, b"node%d" % number)
    h5f.flush(file)
    file.close()
    return (time.process_time() - start) / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20_000)
    count = parser.parse_args().nodes
    making = Making()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pattern, arrays = making.node(created(folder / "pattern", memory=True), b"node")

        def copy(into: Any, name: bytes) -> None:
            making.fill(arrays)
            h5o.copy(pattern, b".", into, name)

        for turn in range(3):
            made = timed(folder / f"made{turn}", count, making.node)
            copied = timed(folder / f"copied{turn}", count, copy)
            print(f"object by object {made:6.1f} us a node, copied {copied:6.1f} us a node")


if __name__ == "__main__":
    main()
