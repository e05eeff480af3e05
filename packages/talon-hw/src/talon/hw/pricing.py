"""Energy of a run by the cost rows of a target: what was counted, times what one such operation takes, by its source.

Only what is counted is priced: synaptic operations, neuron updates, and the reads of memory that both take; of a build,
on a target that prices whole events, also spikes between cores and their hops. Clocks and leakage are not in it, so
every total is a lower bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from talon.engine.counts import Counts
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.record import QuantRecord
from talon.hw.quantities import Quantity
from talon.ir.errors import TalonTypeError
from talon.ir.graph import Graph

READ, READ_BITS = "sram_8kib_read_64bit", 64
"""The row of memory: narrow words share one read."""


@dataclass(frozen=True)
class EnergyLine:
    """`count` operations at the price of the row `row` of `[cost]`; `picojoules` is None where the row is unknown."""

    what: str
    count: float
    row: str
    price: Quantity

    @property
    def picojoules(self) -> float | None:
        return None if self.price.value is None else self.count * float(self.price.value)


@dataclass(frozen=True)
class Energy:
    """What a run takes on a target. `citations`: the sources of the rows, in words, by their keys."""

    target: str
    lines: tuple[EnergyLine, ...]
    citations: Mapping[str, str]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Rows that the target does not have, each once."""
        return tuple(dict.fromkeys(line.row for line in self.lines if line.picojoules is None))

    @property
    def picojoules(self) -> float | None:
        """The sum; None where a row is unknown: a part of it would look like the whole."""
        return None if self.unknown else sum(line.picojoules or 0.0 for line in self.lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        lines = [
            {"what": line.what, "count": line.count, "row": line.row, "price": str(line.price), "pJ": line.picojoules}
            for line in self.lines
        ]
        return {
            "target": self.target,
            "pJ": self.picojoules,
            "unknown": list(self.unknown),
            "lines": lines,
            "citations": dict(self.citations),
        }


HOPS = ("hops_in_rows", "hops_in_columns")
"""Of packets, along the rows and along the columns of the network."""


@dataclass(frozen=True)
class Done:
    """What a run did: `products` of synaptic operations whose input is not 0 or 1, `decays` of membranes. Of a build
    besides: updates of neurons with a charge or an input, packets between cores, and the hops of these, along a row and
    along a column of the network."""

    synops: int
    products: int
    updates: int
    decays: int
    active: int | None = None
    packets: int | None = None
    hops: tuple[int, int] | None = None

    @classmethod
    def of(cls, events: Mapping[str, Any]) -> Self:
        """The sums of what a build counted: these fields, with `hops_in_rows` and `hops_in_columns` for `hops`."""
        sums = {name: int(np.sum(found)) for name, found in events.items()}
        hops = tuple(sums.pop(name) for name in HOPS if name in sums)
        return cls(**sums, hops=(hops[0], hops[1]) if hops else None)


@dataclass(frozen=True)
class Widths:
    """Rows for the arithmetic of a network, and bits of what it reads."""

    add: str
    multiply: str
    decay: str | None
    weight: int
    state: int


def energy(
    graph: Graph, counts: Counts, target: Target | str | os.PathLike[str] = "generic-mesh", *, samples: int = 1
) -> Energy:
    """What a run of `graph` that counted `counts` takes by the cost rows of `target`, divided by `samples`.

    A quantised graph is priced in the widths of its arithmetic, any other in float32. A synaptic operation is one
    addition, and a multiplication where the input is not 0 or 1; a neuron update is one addition, and a multiplication
    for each decay. A synaptic operation reads one weight; an update reads and writes one membrane, a write at the price
    of a read. The price of a width that the rows do not have is that of the next wider one.
    """
    target = find_target(target)
    return priced(done(graph, counts), widths(graph, target), target, samples)


def priced(what: Done, how: Widths, target: Target, samples: int) -> Energy:
    """The prices of what was done, by the rows of the target. Raises `TalonTypeError` (T206) for another `samples`."""
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
        raise TalonTypeError(
            "T206", "energy is divided by samples", expected="a whole number >= 1", found=repr(samples)
        )
    rows = target.cost or {}
    lines = tuple(
        EnergyLine(name, count / samples, row, rows.get(row, Quantity(None, "pJ")))
        for name, count, row in (chip_operations(what) if by_chip(what, rows) else operations(what, how))
        if count
    )
    cited = dict.fromkeys(line.price.cite for line in lines if line.price.cite)
    return Energy(target.id, lines, {key: target.citations[key] for key in cited})


def by_chip(what: Done, rows: Mapping[str, Quantity]) -> bool:
    """Whether the target prices whole events, as chips do, and they were counted."""
    return what.active is not None and "synaptic_op" in rows


def widths(graph: Graph, target: Target) -> Widths:
    """How a network computes: in integers where it holds some."""
    if not graph.quantization_config:
        return Widths("fp32_add", "fp32_mul", "fp32_mul", 32, 32)
    return whole_widths(QuantRecord.of(graph).arithmetic, target)


def whole_widths(numeric: Arithmetic, target: Target) -> Widths:
    """Of a network in integers."""
    add = "int8_add" if numeric.accumulators.bits <= 8 else "int32_add"
    # A shift takes no multiplier.
    decay = "int32_mul" if numeric.decay is not None and numeric.decay.rule == "multiply" else None
    return Widths(add, "int8_mul", decay, word(target) or 8, numeric.membranes.bits)


def word(target: Target) -> int | None:
    """Bits of the word that a weight takes in the memory of a core."""
    held = (memory for memory in target.core.memory if "weights" in memory.holds)
    return next((memory.bits.value for memory in held), None)


def done(graph: Graph, counts: Counts) -> Done:
    """What a run of a graph did."""
    flat = graph.flatten()
    nodes = {flat.provenance.get(name, name): node for name, node in flat.nodes.items()}
    synops = products = updates = decays = 0
    for path, found in counts.items():
        if "synops" in found:
            synops += int(found["synops"].sum())
            products += int(found["synops"][~found["binary_input"]].sum())
        if "updates" in found:
            number = int(found["updates"].sum())
            updates += number
            decays += number * sum(field.startswith("tau") for field in nodes[path].fields)
    return Done(synops, products, updates, decays)


def operations(what: Done, how: Widths) -> Iterator[tuple[str, float, str]]:
    """What was done as single operations, how often, and the row that prices it."""
    yield "additions of synaptic operations", what.synops, how.add
    yield "multiplications by inputs that are not 0 or 1", what.products, how.multiply
    yield "additions of neuron updates", what.updates, how.add
    if how.decay is not None:
        yield "multiplications of decays", what.decays, how.decay
    yield f"reads of weights, {how.weight} bits each", what.synops * how.weight / READ_BITS, READ
    yield f"reads and writes of membranes, {how.state} bits each", 2 * what.updates * how.state / READ_BITS, READ


def chip_operations(what: Done) -> Iterator[tuple[str, float, str]]:
    """What was done as the events that a chip prices."""
    active = what.active or 0
    yield "synaptic operations", what.synops, "synaptic_op"
    yield "updates of neurons with a charge or an input", active, "neuron_update_active"
    yield "updates of neurons at rest", what.updates - active, "neuron_update_inactive"
    yield "spikes that reach a core from another", what.packets or 0, "spike_in_tile"
    if what.hops is not None:
        yield "hops along rows", what.hops[0], "hop_east_west"
        yield "hops along columns", what.hops[1], "hop_north_south"
