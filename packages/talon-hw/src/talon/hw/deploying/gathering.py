"""What arrives at the places of an array, added up from the values of this step and of steps before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talon.hw.deploying.programs import Gather


class Gathering:
    """A gather made ready for many steps. `base`: what is added to its numbers."""

    def __init__(self, inputs: Gather, base: int = 0) -> None:
        # They are stored in the smallest type, which the base may leave.
        numbers = inputs.numbers.astype(np.int64)
        self.shape = numbers.shape[1:]
        self.plain = numbers[0] + base if inputs.plain else None
        self.rows: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
        """For each row and delay: the delay, places, numbers, and how often each is taken."""
        delays, times = (np.broadcast_to(values, numbers.shape) for values in (inputs.delays, inputs.times))
        for row, delay, often in zip(numbers, delays, times, strict=True) if self.plain is None else ():
            (places,) = np.nonzero(row.ravel() >= 0)
            late = delay.ravel()[places]
            order = np.argsort(late, kind="stable")
            steps, first = np.unique(late[order], return_index=True)
            for step, own in zip(steps.tolist(), np.split(places[order], first[1:]), strict=False):
                self.rows.append((step, own, row.ravel()[own] + base, often.ravel()[own].astype(np.int64)))

    def taken(self, memory: Sequence[np.ndarray]) -> np.ndarray:
        """The sums, `(B, *shape)`; `memory` holds what there is at every number, `(B, numbers)`, this step's first."""
        if self.plain is not None:
            return np.asarray(memory[0][:, self.plain])
        total = np.zeros((len(memory[0]), int(np.prod(self.shape))), np.int64)
        for delay, places, numbers, often in self.rows:
            total[:, places] += memory[delay][:, numbers] * often
        return total.reshape(len(total), *self.shape)
