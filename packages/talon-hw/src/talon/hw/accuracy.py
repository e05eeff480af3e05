"""What narrower numbers cost a network that classifies: accuracy, spikes, synaptic operations and energy by width."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.evaluating.entry import evaluate
from talon.hw.evaluating.outcome import Evaluation
from talon.hw.pricing import Done, Energy, energy, priced, widths
from talon.hw.quantising.network import quantize
from talon.ir.graph import Graph

HEAD = ("numbers", "accuracy", "spikes", "synaptic operations", "energy (nJ)")
"""Of `WidthRow.cells`; all but the first two are per sample."""


@dataclass(frozen=True)
class WidthRow:
    """A network in one width: `bits` of its weights, None for float32. All but `accuracy` is per sample; that is None
    without labels."""

    bits: int | None
    accuracy: float | None
    spikes: float
    synops: float
    energy: Energy

    @property
    def name(self) -> str:
        return "float32" if self.bits is None else f"{self.bits} bits"

    def cells(self) -> tuple[str, ...]:
        """For people, under `HEAD`."""
        accuracy = "" if self.accuracy is None else f"{self.accuracy:.1%}"
        return (self.name, accuracy, f"{self.spikes:,.0f}", f"{self.synops:,.0f}", told(self.energy))

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
    for width in (None, *bits):
        made = in_width(graph, width, target, calibration=calibration, repeat=repeat)
        found = evaluate(made, inputs, labels=labels, repeat=repeat, engine=engine_of(width))
        found.raise_failed()
        yield figures(made, width, found, target)


def in_width(graph: Graph, bits: int | None, target: Target, *, calibration: Any, repeat: int | None) -> Graph:
    """The graph quantised for a target, or itself for None."""
    return graph if bits is None else quantize(graph, target, calibration=calibration, repeat=repeat, bits=bits)


def engine_of(bits: int | None) -> str:
    """Who runs a graph of `in_width` as the target does."""
    return "auto" if bits is None else "integer"


def figures(graph: Graph, bits: int | None, found: Evaluation, target: Target) -> WidthRow:
    """The row of an evaluation in which some sample did not fail."""
    totals = found.counts.total()
    return WidthRow(
        bits,
        found.accuracy,
        totals["spikes"] / found.done,
        totals["synops"] / found.done,
        of_build(graph, found, target) if found.events else energy(graph, found.counts, target, samples=found.done),
    )


def of_build(graph: Graph, found: Evaluation, target: Target) -> Energy:
    """What an evaluated build took."""
    return priced(Done.of(found.events), widths(graph, target), target, found.done)
