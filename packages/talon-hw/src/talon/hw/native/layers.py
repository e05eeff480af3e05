"""What layers with weights share: weights that may differ from step to step, several kernels, neurons they feed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from talon.engine.wiring import Counted, Source, Unit
from talon.hw.native.layout import held, holding
from talon.hw.native.library import library
from talon.hw.native.memory import aligned, settled
from talon.hw.native.neurons import MembraneOp
from talon.hw.native.ops import Arrays, Op, Quantities
from talon.hw.native.options import way
from talon.ir import exact
from talon.ir.fields import Shape


class Kind(NamedTuple):
    """Types of weights and sums, by their name in the library. `lanes`: by how many times its width it works."""

    name: str
    weight: Any
    sums: Any
    lanes: int = 1


F32 = Kind("F32", np.float32, np.float32)


LONGEST = 1 << 30
"""Products that one call may compute, some tenths of a second: only between calls can a run be interrupted. Of what is
smaller than a batch, weights would be read too often."""

Part = tuple[slice, slice]
"""Steps, and samples of them."""
Told = Callable[[int, Part], tuple[Any, ...]]
"""What the library is told of the neurons for a part, whose first step is the number."""


class Layer(Op):
    """An op whose node has `weight` and `bias`. `crossover`: below this share of active inputs it goes by events."""

    kind: ClassVar[str]
    macs: int
    """Products of a sample, if all inputs are active."""
    rows: Shape = ()
    """Leading axes of a sample, which share the weights."""
    types: Kind = F32
    direct = True
    takes_bytes = True

    def __init__(self, unit: Unit, node: Any, crossover: float) -> None:
        super().__init__(unit)
        self.node: Any = node
        self.crossover = crossover
        self.steps_alike = not (node.per_step("weight") or node.per_step("bias"))
        self.ways = 0
        """Those it went in this run, as bits of the library."""
        self.fed: MembraneOp | None = None
        """Neurons that are computed with it, whenever that is possible."""
        self.fixed: tuple[Any, ...] | None = None

    @property
    def how(self) -> str:  # type: ignore[override]
        return f"native {self.kind}, {way(self.ways)}"

    @abstractmethod
    def call(self, t: int, x: np.ndarray, y: np.ndarray | None, cost: Arrays, neurons: tuple[Any, ...] | None) -> None:
        """The kernel from `x` to `y`, or to neurons; fills `cost`."""

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        return self.steps_alike and not self.rows

    def heed(self, gave: Any) -> None:
        self.ways |= gave
        if self.fed is not None:
            self.fed.heed(gave)

    @abstractmethod
    def laid_out(self, t: int) -> tuple[Any, ...]:
        """The weights and the bias of step `t`, as the kernel reads them."""

    def weights(self, t: int) -> tuple[Any, ...]:
        """The same, made once for each that there are."""
        if self.fixed is None:
            node = self.node
            slots = [t % getattr(node, name).shape[0] if node.per_step(name) else 0 for name in ("weight", "bias")]
            found: tuple[Any, ...] = node.prepared(f"native{slots}", lambda: tuple(map(settled, self.laid_out(t))))
            if not self.steps_alike:
                return found
            self.fixed = found
        return self.fixed

    def weight_at(self, t: int) -> np.ndarray:
        """The weight of step `t`."""
        return np.asarray(exact.at_step(self.node.weight, self.node.per_step("weight"), t))

    def bias_at(self, t: int) -> np.ndarray | None:
        """The bias of step `t`, if there is one."""
        node = self.node
        return None if node.bias is None else np.ascontiguousarray(exact.at_step(node.bias, node.per_step("bias"), t))

    def parts(self, lead: tuple[int, int]) -> list[Part]:
        """What is computed by a call each, in order."""
        steps, batch = lead
        rows = max(1, LONGEST // max(self.macs, 1))
        every = slice(0, batch)
        if self.steps_alike and steps * batch <= rows:
            return [(slice(0, steps), every)]
        if batch <= rows:
            length = rows // batch if self.steps_alike else 1
            return [(slice(start, min(start + length, steps)), every) for start in range(0, steps, length)]
        samples = [slice(start, min(start + rows, batch)) for start in range(0, batch, rows)]
        return [(slice(k, k + 1), some) for k in range(steps) for some in samples]

    def passed(self, t: int, x: np.ndarray, y: np.ndarray | None, cost: Arrays, neurons: Told | None) -> None:
        """All calls, from `x` to `y` or to `neurons`."""
        for part in self.parts(x.shape[:2]):
            self.heed_halt()
            first = t + part[0].start
            told = None if neurons is None else neurons(first, part)
            self.call(first, x[part], None if y is None else y[part], tuple([c[part] for c in cost]), told)

    def cost(self, lead: tuple[int, int]) -> Arrays:
        """Arrays for what the kernel counts of every row."""
        shape = (*lead, *self.rows)
        return self.tally("synops", shape), self.tally("binary", shape, np.uint8)

    def counts(self, lead: tuple[int, int], cost: Arrays) -> Quantities:
        """What the node counts, from what the kernel has."""
        synops, binary = cost
        if self.rows:
            synops, binary = synops.reshape(*lead, -1).sum(axis=2), binary.reshape(*lead, -1).min(axis=2)
        return {"macs": self.macs, "synops": synops, "binary_input": binary}

    def tallied(self, lead: tuple[int, int]) -> list[Counted]:
        return [(self.unit.path, self.counts(lead, self.cost(lead)))]

    @property
    def takes_held(self) -> bool:  # type: ignore[override]
        return self.steps_alike

    def feeds(self, neuron: MembraneOp) -> bool:
        """Whether its sums can go to these neurons as they are made."""
        return not self.rows and self.last == neuron.last

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        if self.steps_alike and self.into is None and held(arguments[0]):
            (y,), counts = self.run(t, (arguments[0][:1],), traces)
            return (holding(y, len(arguments[0])),), counts
        x = np.ascontiguousarray(arguments[0])
        lead: Any = x.shape[:2]
        y, cost = self.target(lead), self.cost(lead)
        self.passed(t, x, y, cost, None)
        return (y,), self.counts(lead, cost)


class Fused(Op):
    """Neurons with the layer that feeds them alone: its sums go to them while they are in the first cache."""

    direct = True
    takes_bytes = True

    def __init__(self, layer: Layer, neuron: MembraneOp) -> None:
        super().__init__(neuron.unit)
        self.layer, self.neuron = layer, neuron
        layer.fed = neuron
        self.last, self.gives = neuron.last, neuron.gives
        self.how = neuron.how
        self.inner: Quantities = {}
        """What the last call cost the layer."""

    @property
    def sources(self) -> list[list[Source]]:
        return self.layer.unit.arguments

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        return self.layer.repeats

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        layer, x = self.layer, np.ascontiguousarray(arguments[0])
        lead: Any = x.shape[:2]
        cost = layer.cost(lead)
        y, spikes = self.target(lead), self.neuron.spikes(lead)
        neuron = self.neuron

        def given(first: int, part: Part) -> tuple[Any, ...]:
            return neuron.given(first, neuron.v[part[1]], y[part], None, spikes[part])

        layer.passed(t, x, None, cost, given)
        self.inner = layer.counts(lead, cost)
        return (y,), self.neuron.counts(spikes)

    def cycled(self, among: tuple[int, int] | None) -> None:
        self.layer.cycled(among)
        self.neuron.cycled(among)
        super().cycled(among)

    def tallied(self, lead: tuple[int, int]) -> list[Counted]:
        return [*self.neuron.tallied(lead), *self.layer.tallied(lead)]

    def begin(self) -> None:
        self.neuron.begin()

    def save(self) -> None:
        self.neuron.save()

    def restore(self) -> None:
        self.neuron.restore()


def filled(values: Any, lanes: int = 1) -> Any:
    """An array with its last axis filled up with zeros to the width at which the kernels work; None stays None."""
    if values is None:
        return None
    wide = library().WIDE * lanes
    count = values.shape[-1]
    lacking = -count % wide
    if not lacking:
        return values
    found = aligned((*values.shape[:-1], count + lacking), values.dtype)
    found[..., :count], found[..., count:] = values, 0
    return found
