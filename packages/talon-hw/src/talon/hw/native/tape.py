"""What a chunk of steps came down to: the calls that were made, which are made again for a chunk of the same form.

Between two calls there is then next to nothing in Python, which small networks took longer for than for their kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from talon.engine.wiring import Counted
from talon.hw.native.layout import Signal
from talon.hw.native.ops import Call

COPIED_BYTES = 1 << 18
"""So much of the caller's own arrays is copied, so that calls find it where they expect it; more is not. In
cycles, where every step has calls of its own, it is so much a step."""

TAPED_STEPS = 1 << 12
"""Steps of nodes in cycles that a tape notes down one by one."""

TAPES = 3
"""How many a sweep keeps: of the first chunk of a run, of those that follow, and of the last, which may be shorter."""


class Form(NamedTuple):
    """What a chunk must share with the one that was taped: what is recorded, how many steps, and whether there were
    steps before, since then neurons may have a reset to do."""

    record: tuple[str, ...]
    steps: int
    begun: bool


class Tape:
    """`entered`: what the Inputs give, in arrays of the sweep's own, one step where it is held; `most`: so many bytes
    of one are copied; `values`: what the ports give; `counted`: what each node counts, by its path. All in arrays that
    the calls write to."""

    def __init__(self, form: Form, entered: Mapping[int, np.ndarray], most: int) -> None:
        self.form, self.entered, self.most = form, entered, most
        self.calls: list[Call] = []
        self.counted: list[Counted] = []
        self.values: dict[tuple[int, int], Signal] = {}

    def takes(self, entered: Mapping[int, np.ndarray]) -> bool:
        """Put what entered a chunk of its form where the calls read it; whether that could be done."""
        for number, x in entered.items():
            own = self.entered[number]
            if x is not own:
                if x.dtype != own.dtype or x.shape != own.shape or x.nbytes > self.most:
                    return False
                own[...] = x
        return True
