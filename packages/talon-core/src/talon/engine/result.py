"""What a run gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from talon.engine.counts import Counts
from talon.engine.state import State


@dataclass(frozen=True)
class EngineUse:
    """Which engine ran, why it was chosen, and by which means each node ran."""

    name: str
    why: str
    nodes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


@dataclass(frozen=True, repr=False)
class Result:
    """`outputs`: `(T, B, *shape)` by Output name; `state` to go on from; `counts`; `records` of what was asked for."""

    outputs: Mapping[str, np.ndarray]
    state: State
    counts: Counts
    records: Mapping[str, np.ndarray]
    engine: EngineUse

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """The recorded spikes by node path, a view of `records`."""
        return {key[: -len(".spikes")]: value for key, value in self.records.items() if key.endswith(".spikes")}

    def __repr__(self) -> str:
        lines = [f"Result of engine {self.engine.name}, after step {self.state.step}"]
        lines += [f"  output {name}: {a.dtype}{list(a.shape)}" for name, a in list(self.outputs.items())[:6]]
        lines += [f"  record {name}: {a.dtype}{list(a.shape)}" for name, a in list(self.records.items())[:6]]
        hidden = max(0, len(self.outputs) - 6) + max(0, len(self.records) - 6)
        lines += [f"  and {hidden} more"] if hidden else []
        return "\n".join([*lines, f"  {self.counts!r}"])
