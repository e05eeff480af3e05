"""What is counted of a node while two runs are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from talon.engine.comparing.divergence import Divergence, NodeComparison
from talon.engine.comparing.window import Site
from talon.ir.equality import apart, distance

Found = tuple[int, int, tuple[int, ...]]
"""Step, sample and element of a value that differs."""


@dataclass
class Tally:
    """A node on both sides, chunk by chunk; `quantities` are compared. `sums`: spikes on both sides, of `sent` values
    that could have been some."""

    site: Site
    quantities: tuple[str, ...]
    tolerance: float
    spikes: str | None
    values: int = 0
    differing: int = 0
    steps: int = 0
    largest: float = 0.0
    sent: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])
    firsts: dict[str, Divergence] = field(default_factory=dict)

    def add(self, start: int, a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, Found]:
        """Count a chunk, `(n, B, *shape)` by quantity; gives where the quantities that were equal before differ."""
        found: dict[str, Found] = {}
        wrong_steps: np.ndarray | None = None
        for quantity in self.quantities:
            x, y = a[quantity], b[quantity]
            self.values += x.size
            if quantity == self.spikes:
                self.sent += x.size
                self.sums = [self.sums[0] + float(x.sum(dtype=float)), self.sums[1] + float(y.sum(dtype=float))]
            wrong = apart(x, y, self.tolerance)
            count = int(np.count_nonzero(wrong))
            if not count:
                continue
            self.differing += count
            self.largest = max(self.largest, float(distance(x[wrong], y[wrong]).max()))
            by_step = np.asarray(wrong.reshape(len(wrong), -1).any(axis=1))
            wrong_steps = by_step if wrong_steps is None else np.logical_or(wrong_steps, by_step)
            if quantity not in self.firsts:
                step = int(by_step.argmax())
                sample, *element = (int(i) for i in np.argwhere(wrong[step])[0])
                found[quantity] = start + step, sample, tuple(element)
        if wrong_steps is not None:
            self.steps += int(np.count_nonzero(wrong_steps))
        return found

    def told(self) -> NodeComparison:
        rate_a, rate_b = (total / self.sent if self.sent else None for total in self.sums)
        counted = self.values, self.differing, self.steps, self.largest
        return NodeComparison(self.site.path, self.site.kind, *counted, rate_a, rate_b, self.firsts)
