"""What a side told of some steps, and the little that is still needed of the steps before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Site:
    """A node of a side: its path, the name of its type, its output ports, and the names of its state."""

    path: str
    kind: str
    ports: tuple[str, ...]
    state: tuple[str, ...] = ()
    spiking: bool = False
    entry: bool = False
    """Whether it is an Input, which gives what both sides were given."""
    exit: bool = False
    """Whether it is an Output, which a run gives back."""

    def quantities(self, what: str) -> tuple[str, ...]:
        """What is compared of it: `"all"`, `"outputs"` without its state, or `"spikes"` alone."""
        if self.entry or (what == "spikes" and not self.spiking):
            return ()
        if what == "spikes":
            return self.ports[:1]
        return (*self.ports, *(() if what == "outputs" else (n for n in self.state if n not in self.ports)))

    def key(self, quantity: str) -> str:
        """The name of a quantity among records."""
        return f"{self.path}.{quantity}"


@dataclass(frozen=True)
class Window:
    """`records`: `(T, B, *shape)` by key, of the steps from `start` on; `past`: the same of the last steps before."""

    start: int
    records: Mapping[str, np.ndarray]
    past: Mapping[str, np.ndarray] = field(default_factory=dict)

    def value(self, key: str, step: int) -> np.ndarray | None:
        """What was told at a step, `(B, *shape)`; None where it was not told, or is no longer kept."""
        if step >= self.start:
            found = self.records.get(key)
            return None if found is None or step - self.start >= len(found) else found[step - self.start]
        kept, back = self.past.get(key), self.start - step
        return None if kept is None or back > len(kept) else kept[-back]

    def ending(self, depths: Mapping[str, int]) -> dict[str, np.ndarray]:
        """The last steps of the window, so many of each key, for the one that follows."""
        kept: dict[str, np.ndarray] = {}
        for key, depth in depths.items():
            if key in self.records:
                parts = [self.past[key], self.records[key]] if key in self.past else [self.records[key]]
                if len(parts[-1]) >= depth:
                    parts = parts[-1:]
                kept[key] = np.concatenate([part[-depth:] for part in parts])[-depth:]
        return kept
