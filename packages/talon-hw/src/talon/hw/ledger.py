"""The ledger: what a pass changed in a graph, told so that nothing is rewritten without a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.ir.grouped import Grouped, parameters


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One change: the pass that made it, where, from what to what, and whether the graph computes exactly the same.

    `exact` speaks of runs in float32. Where it is False, `why` says what differs.
    """

    done_by: str
    node: str
    field: str
    before: str
    after: str
    exact: bool
    why: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The change as plain values, as `--json` prints it."""
        return {
            "pass": self.done_by,
            "node": self.node,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "exact": self.exact,
            "why": self.why,
        }

    def __str__(self) -> str:
        kept = "exact" if self.exact else f"not exact: {self.why}"
        return f"{self.done_by}: {self.node}.{self.field}: {self.before} -> {self.after} ({kept})"


def told(value: Any) -> str:
    """A value in a few words; an array by dtype, shape and range, a sparse matrix by its elements too."""
    if isinstance(value, Grouped) and (values := parameters(value)).size:
        return f"{value} {values.min():.6g} to {values.max():.6g}"
    if isinstance(value, np.ndarray) and value.size > 1:
        low, high = value.min(), value.max()
        return f"{value.dtype}{list(value.shape)} {low:.6g} to {high:.6g}"
    if isinstance(value, (np.ndarray, np.generic)):
        # As many digits as tell it from its neighbours: a threshold may change by the last one.
        return (
            str(value.astype(value.dtype).item()) if value.dtype == np.float64 else str(value.reshape(()).astype(str))
        )
    return str(value)
