"""The floor: the bytes of the arrays, one after the other, forced to the disk, and read again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from worker import Once, serve
from workloads import Layer


def write(layers: list[Layer], path: Path) -> Once:
    arrays = [array for _, _, found in layers for array in found.values()]

    def once() -> None:
        with path.open("wb", buffering=0) as file:
            for array in arrays:
                array.tofile(file)
            os.fsync(file.fileno())

    return once


def read(layers: list[Layer], path: Path) -> Once:
    write(layers, path)()
    shapes = [(array.dtype, array.shape) for _, _, found in layers for array in found.values()]
    layers.clear()

    def once() -> list[np.ndarray]:
        with path.open("rb", buffering=0) as file:
            found = [np.empty(shape, dtype) for dtype, shape in shapes]
            for array in found:
                file.readinto(array.reshape(-1).view(np.uint8).data)
        return found

    return once


if __name__ == "__main__":
    serve({"write and sync": write, "read everything": read}, ["numpy"])
