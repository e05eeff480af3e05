"""What narrower numbers cost a network that classifies: accuracy, spikes, synaptic operations and energy by width."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.engine import run
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.pricing import Energy, energy
from talon.hw.quantising.network import quantize
from talon.ir.graph import Graph

HEAD = ("numbers", "accuracy", "spikes", "synaptic operations", "energy (nJ)")
"""Of `WidthRow.cells`; all but the first two are per sample."""


@dataclass(frozen=True)
class WidthRow:
    """A network in one width: `bits` of its weights, None for float32. All but `accuracy` is per sample."""

    bits: int | None
    accuracy: float
    spikes: float
    synops: float
    energy: Energy

    @property
    def name(self) -> str:
        return "float32" if self.bits is None else f"{self.bits} bits"

    def cells(self) -> tuple[str, ...]:
        """For people, under `HEAD`."""
        return (self.name, f"{self.accuracy:.1%}", f"{self.spikes:,.0f}", f"{self.synops:,.0f}", told(self.energy))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "bits": self.bits,
            "accuracy": self.accuracy,
            "spikes": self.spikes,
            "synops": self.synops,
            "energy": self.energy.as_dict(),
        }


def told(found: Energy) -> str:
    """An energy in nanojoules."""
    if found.picojoules is None:
        return f"unknown: no row {', '.join(found.unknown)}"
    return f"{found.picojoules / 1e3:,.1f}"


def by_width(
    graph: Graph,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    calibration: np.ndarray,
    repeat: int,
    bits: Sequence[int],
    target: Target | str | os.PathLike[str] = "generic-mesh",
) -> Iterator[WidthRow]:
    """Run a network in float32, then quantised to each width of `bits` in integers of the target, on the same inputs.

    `inputs (N, *shape)` are held for `repeat` steps; the answer is the output that spikes most, the lowest of equal
    ones, and is compared with `labels (N,)`. `calibration`: as `inputs`, for the scales. Raises what `quantize` and
    `run` raise.
    """
    target = find_target(target)
    yield row(graph, None, inputs, labels, repeat, target)
    for width in bits:
        quantised = quantize(graph, target, calibration=calibration, repeat=repeat, bits=width)
        yield row(quantised, width, inputs, labels, repeat, target)


def row(
    graph: Graph, bits: int | None, inputs: np.ndarray, labels: np.ndarray, repeat: int, target: Target
) -> WidthRow:
    result = run(graph, inputs, repeat=repeat, engine="auto" if bits is None else "integer")
    (output,) = result.outputs.values()
    totals, samples = result.counts.total(), len(labels)
    return WidthRow(
        bits,
        float((output.sum(axis=0).argmax(axis=1) == labels).mean()),
        totals["spikes"] / samples,
        totals["synops"] / samples,
        energy(graph, result.counts, target, samples=samples),
    )
