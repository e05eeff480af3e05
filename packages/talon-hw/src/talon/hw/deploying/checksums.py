"""Checksums of all that cores do in a run: what a golden sample keeps of it beside the answer."""

from __future__ import annotations

import zlib

import numpy as np

from talon.hw.deploying.programs import Chip
from talon.hw.deploying.running import Running


class Checksums:
    """crc32 of every value that the tiles of a core give, and of their membranes after the step, in the order of the
    tiles: int64, little endian. `by_core`, `(T, cores)`: of all steps up to this one; `by_step`, `(T,)`: of all cores
    in this one."""

    def __init__(self, chip: Chip, steps: int) -> None:
        self.chip = chip
        self.by_core = np.zeros((steps, len(chip.axons)), np.uint32)
        self.by_step = np.zeros(steps, np.uint32)

    def take(self, t: int, running: Running, values: np.ndarray) -> None:
        """Of the first sample; `values`: of all lines at step `t`, `(B, lines)`."""
        cores = self.by_core[t - 1].tolist() if t else [0] * self.by_core.shape[1]
        step = 0
        for tile, own in zip(self.chip.tiles, running.v, strict=True):
            parts = [values[0, tile.first : tile.first + tile.size], *(array[0] for array in own.values())]
            for part in parts:
                data = np.ascontiguousarray(part, "<i8").data
                cores[tile.core], step = zlib.crc32(data, cores[tile.core]), zlib.crc32(data, step)
        self.by_core[t], self.by_step[t] = cores, step
