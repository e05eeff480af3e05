"""How many samples a task gets. Nothing that is computed depends on it."""

from __future__ import annotations

from talon.hw.evaluating.problems import wrong

SECONDS = 1.5
"""How long a task is to last: sending it costs milliseconds."""
GROWTH = 8
"""The first task also loads and lays out, so that it tells little; from one to the next they grow at most so much."""


class Sizes:
    """One sample at first; then by what samples have taken. `fixed`: always so many."""

    def __init__(self, fixed: int | None = None) -> None:
        if fixed is not None and (isinstance(fixed, bool) or not isinstance(fixed, int) or fixed < 1):
            raise wrong(
                "chunk is how many samples a task gets",
                expected="a whole number >= 1, or None for tasks of about a second",
                found=repr(fixed),
                help="leave it out",
            )
        self.fixed, self.measured, self.size = fixed, fixed is not None, fixed or 1

    def learn(self, samples: int, seconds: float) -> None:
        """A task of so many samples took so long."""
        self.measured = True
        if self.fixed is None and samples:
            fitting = int(SECONDS * samples / max(seconds, 1e-9)) + 1
            self.size = min(fitting, samples * GROWTH) if samples >= self.size else min(fitting, self.size)
            self.size = max(self.size, 1)
