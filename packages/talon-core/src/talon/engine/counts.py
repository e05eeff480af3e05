"""Counts: what every node did at every step, for every sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

QUANTITIES = {
    "macs": "multiply-accumulates inside the map",
    "synops": "nonzero inputs times their fan-out inside the map",
    "updates": "neuron updates",
    "spikes": "ones sent",
}
"""What is counted. All int64 `(T, B)`."""


class Counts(Mapping[str, Mapping[str, np.ndarray]]):
    """Node path -> quantity -> int64 `(T, B)`. A path of a nested graph or composite gives the sum over its leaves.

    `binary_input` (bool `(T, B)`) stands beside `macs` and says whether every input was 0 or 1.
    """

    def __init__(self, leaves: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        self._leaves = leaves

    def __getitem__(self, path: str) -> Mapping[str, np.ndarray]:
        if path in self._leaves:
            return self._leaves[path]
        inside = [found for name, found in self._leaves.items() if name.startswith(f"{path}/")]
        if not inside:
            raise KeyError(path)
        merged: dict[str, np.ndarray] = {}
        for found in inside:
            for quantity, values in found.items():
                old = merged.get(quantity)
                if old is None:
                    merged[quantity] = values
                else:
                    merged[quantity] = old & values if quantity == "binary_input" else old + values
        return merged

    def __iter__(self) -> Iterator[str]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)

    def total(self, path: str | None = None) -> dict[str, int]:
        """Every quantity summed over steps, samples and nodes: all nodes, or those at and below `path`."""
        chosen = self._leaves.values() if path is None else [self[path]]
        totals: dict[str, int] = dict.fromkeys(QUANTITIES, 0)
        for found in chosen:
            for quantity in QUANTITIES:
                if quantity in found:
                    totals[quantity] += int(found[quantity].sum())
        return totals

    def __repr__(self) -> str:
        return f"Counts({len(self)} nodes, " + ", ".join(f"{k}={v}" for k, v in self.total().items()) + ")"
