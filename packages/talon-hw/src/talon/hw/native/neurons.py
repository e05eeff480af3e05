"""LIF and IF by the C library."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from talon.engine.wiring import Counted, Unit
from talon.hw.native.layout import SPIKES, moved
from talon.hw.native.library import library
from talon.hw.native.memory import settled
from talon.hw.native.ops import Arrays, Op, Quantities
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import LIF, Neuron, spread


class MembraneOp(Op):
    """Neurons of one number each, `v`, which is in the op's own layout while it runs. Subclasses say what they are."""

    direct = True
    repeats = True
    gives = SPIKES
    word: Any = np.float32
    """Of a membrane."""
    kept_as: Any = np.float32
    """Of one in a state."""

    def __init__(self, unit: Unit, shape: Shape, last: bool) -> None:
        super().__init__(unit)
        self.last, self.size = last, math.prod(shape)
        self.start: Any = None
        """The membrane before the first step: a number where all have the same, else an array."""

    @abstractmethod
    def given(
        self, t: int, v: np.ndarray, y: np.ndarray, trace: np.ndarray | None, spikes: np.ndarray
    ) -> tuple[Any, ...]:
        """What the library is told of the neurons of the samples whose membranes are `v`."""

    def shown(self, v: np.ndarray) -> np.ndarray:
        """Membranes, channels first, as they are recorded."""
        return v

    def own(self, values: np.ndarray) -> np.ndarray:
        """A parameter in the op's layout."""
        return np.ascontiguousarray(np.moveaxis(values, 0, -1) if self.last and values.ndim else values)

    def begin(self) -> None:
        v = self.unit.state["v"]
        own = moved(v[None], last=True)[0] if self.last else v
        self.v = self.room("v", own.shape, self.word)
        self.v[...] = own

    def keep_start(self) -> None:
        words = self.v.reshape(-1).view(f"u{self.v.itemsize}")
        self.start = self.v.flat[0] if (words == words[0]).all() else self.v.copy()

    def again(self) -> bool:
        if self.start is None:
            return False
        if isinstance(self.start, np.ndarray):
            np.copyto(self.v, self.start)
        elif self.start.tobytes().strip(b"\0"):
            self.v.fill(self.start)
        else:
            # As bytes, which are put down faster.
            self.v.reshape(-1).view(np.uint8).fill(0)
        return True

    def told_state(self) -> dict[str, np.ndarray]:
        return self.tell()()

    def tell(self) -> Callable[[], dict[str, np.ndarray]]:
        # Nothing else of the op, whose arrays for a whole chunk a result would keep.
        return partial(told, self.v, self.last, self.kept_as)

    def save(self) -> None:
        np.copyto(self.room("saved", self.v.shape, self.word), self.v)

    def restore(self) -> None:
        np.copyto(self.v, self.rooms["saved"])

    def spikes(self, lead: tuple[int, int]) -> np.ndarray:
        """An array for the numbers of spikes."""
        return self.tally("spikes", lead)

    def tallied(self, lead: tuple[int, int]) -> list[Counted]:
        return [(self.unit.path, self.counts(self.spikes(lead)))]

    def counts(self, spikes: np.ndarray) -> Quantities:
        return {"updates": self.size, "spikes": spikes}

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        lead: Any = x.shape[:2]
        y, spikes = self.target(lead), self.spikes(lead)
        wanted = traces.get("v")
        own = self.room("trace", y.shape, self.word) if wanted is not None else None
        self.do(library().neuron, x, self.given(t, self.v, y, own, spikes))
        if wanted is not None and own is not None:
            wanted[...] = self.shown(moved(own, last=False) if self.last else own)
        return (y,), self.counts(spikes)


def told(v: np.ndarray, last: bool, dtype: Any) -> dict[str, np.ndarray]:
    """Membranes as they are handed out."""
    own = (moved(v[None], last=False)[0] if last else v).astype(dtype, copy=False)
    return {"v": np.array(own) if np.shares_memory(own, v) else own}


class NeuronOp(MembraneOp):
    how = "native neuron"

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...], last: bool) -> None:
        assert isinstance(unit.node, Neuron)
        node = unit.node
        shape = shapes[0]
        rank, one = len(shape), unit.dtype.type(1)
        c = library()
        late = node.reset_delay == 1 and node.reset != "none"
        self.rule = {"value": 0, "subtract": c.SUBTRACT, "none": c.NO_RESET}[node.reset]
        self.rule |= c.LATE * late | c.GREATER * (node.comparator == "gt")
        zero = np.zeros((), unit.dtype)
        beta, gain, leak = zero, zero, zero
        if isinstance(node, LIF):
            self.rule |= c.LEAKS
            # The same operations as in its numpy step, so the same bits.
            beta = np.asarray(one - one / spread(node.tau, rank))
            gain = np.asarray(one - beta)
            leak = spread(node.v_leak, rank)
        r = spread(node.r, rank)  # type: ignore[attr-defined]
        parameters = (beta, gain, leak, r, node.threshold(rank), spread(node.v_reset, rank))
        super().__init__(unit, shape, last)
        self.per_neuron = int(any(p.size > 1 for p in parameters))
        form = shape if self.per_neuron else ()
        self.parameters = [settled(self.own(np.broadcast_to(p, form))) for p in parameters]

    def given(
        self, t: int, v: np.ndarray, y: np.ndarray, trace: np.ndarray | None, spikes: np.ndarray
    ) -> tuple[Any, ...]:
        return (
            library().NEURON,
            *spikes.shape,
            self.size,
            self.rule,
            self.per_neuron,
            t,
            y,
            v,
            trace,
            spikes,
            *self.parameters,
        )
