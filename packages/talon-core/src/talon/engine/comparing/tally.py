"""What is counted of a node while two runs are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from talon.engine.comparing.divergence import Divergence, NodeComparison
from talon.engine.comparing.window import Site
from talon.ir.equality import apart, distance

Found = tuple[int, int, tuple[int, ...]]
"""Step, sample and element of a value that differs."""


NEVER = np.iinfo(np.int64).max
"""The step in which samples part that do not."""


@dataclass
class Tally:
    """A node on both sides, chunk by chunk; `quantities` are compared. `sums`: spikes on both sides, of `sent` values
    that could have been some. `excess`: by neuron, how many more b sends; `parted`: by sample, the first step whose
    spikes differ."""

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
    excess: np.ndarray = field(default_factory=lambda: np.zeros(()))
    parted: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, start: int, a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, Found]:
        """Count a chunk, `(n, B, *shape)` by quantity; gives where the quantities that were equal before differ."""
        found: dict[str, Found] = {}
        wrong_steps: np.ndarray | None = None
        for quantity in self.quantities:
            x, y = a[quantity], b[quantity]
            self.values += x.size
            if quantity == self.spikes:
                self.sent += x.size
                by_neuron = x.sum(axis=(0, 1), dtype=float), y.sum(axis=(0, 1), dtype=float)
                self.sums = [self.sums[0] + float(by_neuron[0].sum()), self.sums[1] + float(by_neuron[1].sum())]
                self.excess = self.excess + by_neuron[1] - by_neuron[0]
            wrong = apart(x, y, self.tolerance)
            if quantity == self.spikes:
                self.part(start, wrong)
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

    def part(self, start: int, wrong: np.ndarray) -> None:
        """Note in which step samples part, `wrong (n, B, *shape)` of spikes."""
        by_sample = wrong.reshape(*wrong.shape[:2], -1).any(axis=2)
        if not start:
            self.parted = np.full(wrong.shape[1], NEVER)
        now = np.where(by_sample.any(axis=0), start + by_sample.argmax(axis=0), NEVER)
        self.parted = np.minimum(self.parted, now)

    def told(self, here: int | None) -> NodeComparison:
        """`here`: samples that part at this node."""
        rate_a, rate_b = (total / self.sent if self.sent else None for total in self.sums)
        error = float(np.abs(self.excess).sum()) / self.sent if self.sent else None
        parted = int(np.count_nonzero(self.parted < NEVER)) if self.spikes else None
        counted = self.values, self.differing, self.steps, self.largest
        path, kind = self.site.path, self.site.kind
        return NodeComparison(path, kind, *counted, rate_a, rate_b, error, parted, here, self.firsts)
