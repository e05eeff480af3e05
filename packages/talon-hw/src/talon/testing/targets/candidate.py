"""A target under test: what it runs and how large its cores are, for networks that meet its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon import ir
from talon.hw.arithmetic import nearest_shift
from talon.hw.description import Target
from talon.hw.quantising.widths import unknown
from talon.testing.targets.completed import completed

LARGEST = 2048
"""Cores of more neurons are not filled: networks of the kit stay small."""


@dataclass(frozen=True)
class Candidate:
    """`complete`: the target with an arithmetic of which nothing is unknown; `assumed`: the keys that integers need and
    nobody states, filled in there."""

    target: Target
    complete: Target
    assumed: tuple[str, ...]
    seed: int
    rng: np.random.Generator = field(repr=False)

    @classmethod
    def of(cls, target: Target, seed: int) -> Candidate:
        whole, filled = completed(target)
        needed = [*unknown(target), *(["numeric.reset"] if target.numeric["reset"] is None else [])]
        assert bool(needed) <= bool(filled), f"{needed} are unknown, and were not filled in"
        return cls(target, whole, tuple(needed), seed, np.random.default_rng([seed, 5]))

    # What it computes

    @property
    def numeric(self) -> Any:
        return self.complete.numeric

    @property
    def resets(self) -> tuple[Any, ...]:
        return tuple(self.numeric["reset"])

    @property
    def freest(self) -> Any:
        """The reset that leaves most of a membrane."""
        return next(reset for reset in ("none", "subtract", "value") if reset in self.resets)

    @property
    def comparator(self) -> Any:
        return self.numeric["comparator"]

    @property
    def most_weight(self) -> int:
        return int(2 ** (self.weight_bits - 1) - 1)

    @property
    def weight_bits(self) -> int:
        """As `quantize` takes it: no more than 16."""
        return int(min(16, self.numeric["weights"]["bits"].value))

    def runs(self, primitive: str) -> bool:
        return self.target.ops is None or primitive in self.target.ops

    # Its size

    @property
    def neurons(self) -> int | None:
        """Neurons of its largest core; None where that is unknown, or more than the kit fills."""
        most = [core.neurons.value for core in self.target.cores]
        return None if None in most or max(most) > LARGEST else int(max(most))

    def limit(self, name: str, other: int) -> int:
        """The least limit of this name among its cores, `other` where there is none or it is larger."""
        values = [getattr(core, name).value for core in self.target.cores]
        return int(min([other, *(value for value in values if value)]))

    # Parts of networks

    def normal(self, *shape: int, size: float = 1.0) -> np.ndarray:
        return (self.rng.standard_normal(shape) * size).astype(np.float32)

    def spikes(self, *shape: int, rate: float = 0.4) -> np.ndarray:
        return (self.rng.random(shape) < rate).astype(np.float32)

    def tau(self, value: float) -> float:
        """The time constant, or the nearest one that shifts have."""
        return float(nearest_shift(value)) if str(self.numeric["decay"]["rule"]).startswith("shift") else value

    def cell(self, threshold: Any = 0.6, **given: Any) -> ir.Primitive:
        """A neuron that leaks where the target's do."""
        said = {"reset": self.resets[0], "reset_delay": 0, "comparator": self.comparator, **given}
        if self.leaks:
            return ir.LIF(self.tau(3.0), self.tau(3.0), 0.0, threshold, **said)
        return ir.IF(threshold, **said)

    @property
    def leaks(self) -> bool:
        return self.runs("LIF") and self.numeric["decay"]["rule"] not in ("none", "linear")

    def adder(self, threshold: Any, **given: Any) -> ir.Primitive:
        """A neuron that keeps its charge, as far as those of the target do."""
        said = {"reset": self.resets[0], "reset_delay": 0, "comparator": self.comparator, **given}
        if self.runs("IF") or not self.leaks:
            return ir.IF(threshold, **said)
        return ir.LIF(1024.0, 1024.0, 0.0, threshold, **said)

    def read(self, layer: str, neurons: int) -> tuple[dict[str, ir.Node], list[tuple[str, str]]]:
        """Nodes and edges of a readout layer behind a layer, as some chips let Outputs read no other."""
        nodes: dict[str, ir.Node] = {
            "read": ir.Affine(self.normal(4, neurons)), "last": self.cell(), "out": ir.Output([4]),
        }  # fmt: skip
        return nodes, [(layer, "read"), ("read", "last"), ("last", "out")]

    def chain(self, inputs: int, layer: ir.Node, cell: ir.Node, neurons: int) -> ir.Graph:
        """`fc` and `cell` behind an Input, and a readout layer."""
        nodes, edges = self.read("cell", neurons)
        return ir.Graph(
            {"input": ir.Input([inputs]), "fc": layer, "cell": cell, **nodes}, [("input", "fc"), ("fc", "cell"), *edges]
        )
