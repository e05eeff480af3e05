"""Partition: which core every vertex goes to, so that few packets leave cores and no core is over its limits."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.filling import NothingFits, in_order
from talon.hw.mapping.hypergraph import Hypergraph, Limits, deliveries

__all__ = ["NothingFits", "partition"]


def partition(
    h: Hypergraph, limits: Limits, parts: int | None = None, seed: int = 0, engine: str = "auto"
) -> np.ndarray:
    """The core of every vertex (V,), numbered from 0 without gaps; the same for the same seed.

    `parts`: the most cores there are. Raises NothingFits where no way was found to keep the limits.
    """
    core = in_order(h, limits, np.arange(h.vertices))
    count = int(core.max(initial=-1)) + 1
    if parts is not None and count > parts:
        raise NothingFits(f"{count} cores are needed, {parts} are there")
    deliveries(h, core)
    return core
