"""What quantising changed: how the integers' spikes differ from the floats', neuron for neuron."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from talon.engine import stream
from talon.engine.inputs import batches
from talon.engine.task import make_task
from talon.hw.integers.engine import Run
from talon.hw.integers.plan import Proof
from talon.hw.integers.record import QuantRecord
from talon.hw.quantising.calibration import STEPS
from talon.hw.quantising.doubts import QuantisingWarning, named
from talon.hw.quantising.lines import quantization_ledger
from talon.ir.errors import TalonTargetError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.primitives.neurons import spread


@dataclass(frozen=True)
class LayerReport:
    """The neurons of one node in both networks. Rates: spikes per neuron and step. `agreement`: share of all places
    and steps in which both are alike. `dead`, `saturated`: neurons that never, or always, fire in integers and did not
    in floats. `at_limit`: share of steps that leave a membrane at the end of its register."""

    node: str
    neurons: int
    rate_float: float
    rate_integer: float
    agreement: float
    dead: int
    saturated: int
    at_limit: float


@dataclass(frozen=True)
class QuantReport:
    """Agreement by layer, the proofs of accumulators, and the ledger of every rewrite."""

    layers: tuple[LayerReport, ...]
    proofs: tuple[Proof, ...]
    ledger: tuple[Mapping[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "proofs": [asdict(proof) | {"safe": proof.safe} for proof in self.proofs],
            "ledger": [dict(line) for line in self.ledger],
        }

    def table(self) -> list[tuple[str, ...]]:
        """Rows for people, the head first."""
        head = ("neurons", "count", "rate", "in integers", "alike", "dead", "saturated", "at limit")
        return [
            head,
            *(
                (
                    layer.node,
                    f"{layer.neurons:,}",
                    f"{layer.rate_float:.4f}",
                    f"{layer.rate_integer:.4f}",
                    f"{layer.agreement:.2%}",
                    str(layer.dead),
                    str(layer.saturated),
                    f"{layer.at_limit:.2%}",
                )
                for layer in self.layers
            ),
        ]

    def __str__(self) -> str:
        rows = self.table()
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", *map(str, self.proofs)])


@dataclass
class Tally:
    """Of one node, while both networks run."""

    floats: np.ndarray
    integers: np.ndarray
    alike: int = 0
    places: int = 0
    limits: int = 0
    steps: int = field(default=0)


def quantization_report(graph: Graph, quantised: Graph, inputs: Any, repeat: int | None = None) -> QuantReport:
    """Run a network in floats and in integers on the same input and compare every neuron.

    `graph`: the float network; `quantised`: what `hw.quantize` made of it. Warns (`hw.QuantisingWarning`) of neurons
    that fire in floats and never in integers. Raises `TalonTargetError` (T506) where their
    neurons are not the same, and what `run` raises.
    """
    record = QuantRecord.of(quantised)
    flat = graph.flatten()
    # Recorded by flat names, which are those of the quantised network.
    flat = Graph(flat.nodes, flat.edges, **flat.given())
    cells = [name for name, node in quantised.nodes.items() if getattr(node, "spiking", False)]
    refuse_other_neurons(graph, {name: quantised.shapes[f"{name}:out"] for name in cells})
    keys = [f"{name}.spikes" for name in cells] + [f"{name}.v" for name in cells]
    arrays, _, _ = batches(graph, inputs, repeat)
    tallies: dict[str, Tally] = {}
    floats = stream(flat, arrays, chunk=STEPS, record=[f"{name}.spikes" for name in cells])
    integers = stream(quantised, arrays, chunk=STEPS, engine="integer", record=keys)
    for a, b in zip(floats, integers, strict=True):
        for name in cells:
            x, y = a.records[f"{name}.spikes"], b.records[f"{name}.spikes"]
            own = tallies.setdefault(name, Tally(np.zeros(x.shape[2:], np.int64), np.zeros(x.shape[2:], np.int64)))
            own.floats += (x > 0).sum(axis=(0, 1))
            own.integers += (y > 0).sum(axis=(0, 1))
            own.alike += int((x == y).sum())
            own.places += x.size
            own.steps += x.shape[0] * x.shape[1]
            unit = np.abs(np.asarray(b.records[f"{name}.v"]))
            own.limits += int((unit >= limit(quantised, name, record)).sum())
    fallen = [name for name, tally in tallies.items() if tally.floats.any() and not tally.integers.any()]
    if fallen:
        said = f"neurons of {named(fallen)} fire in floats and never in integers: ask for more bits, or see the ledger"
        warnings.warn(said, QuantisingWarning, stacklevel=2)
    proofs = Run(make_task(quantised, {n: np.ascontiguousarray(v[:1]) for n, v in arrays.items()})).plan
    assert proofs is not None
    layers = tuple(told(name, tally) for name, tally in tallies.items())
    return QuantReport(layers, tuple(proofs.proofs), quantization_ledger(quantised))


def refuse_other_neurons(graph: Graph, expected: Mapping[str, Shape | None]) -> None:
    """Raise `TalonTargetError` (T506) where a network lacks neurons, by flat name and shape, that its integers have."""
    flat = graph.flatten()
    found = {name: flat.shapes[f"{name}:out"] if name in flat.nodes else None for name in expected}
    wrong = [name for name in expected if found[name] != expected[name]]
    if wrong:
        raise TalonTargetError(
            "T506",
            "the two networks do not have the same neurons",
            expected=", ".join(f"{name} {list(expected[name] or ())}" for name in wrong[:8]),
            found=", ".join("none" if found[n] is None else f"{n} {list(found[n] or ())}" for n in wrong[:8]),
            help="give the graph that was quantised",
        )


def limit(quantised: Graph, name: str, record: QuantRecord) -> Any:
    """What the largest membrane of a neuron stands for."""
    node: Any = quantised.nodes[name]
    rank = len(quantised.shapes[f"{name}:out"] or ())
    return spread(node.quant["v_threshold"].scale, rank) * np.float32(record.arithmetic.membranes.high)


def told(name: str, tally: Tally) -> LayerReport:
    always = tally.integers == tally.steps
    return LayerReport(
        name,
        tally.floats.size,
        float(tally.floats.sum() / tally.places),
        float(tally.integers.sum() / tally.places),
        tally.alike / tally.places,
        int(((tally.integers == 0) & (tally.floats > 0)).sum()),
        int((always & (tally.floats < tally.steps)).sum()),
        tally.limits / tally.places,
    )
