"""The Izhikevich neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
from talon.ir.declare import Array, number, per_neuron
from talon.ir.exact import settle
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import PerNeuron, spread


class Izhikevich(PerNeuron):
    """A neuron with recovery: `v' = 0.04 v^2 + 5 v + 140 - u + r x` and `u' = a (b v - u)`, per ms.

    A step of `dt` ms takes v in two halves, then u, as the program in E. M. Izhikevich, Simple Model of Spiking
    Neurons, IEEE Transactions on Neural Networks 14(6), 2003, does. Where v reaches `v_peak`, which also is the most it
    can reach, the neuron spikes, and `v <- c`, `u <- u + d`. The defaults are its regular spiking cell.
    """

    schema = 2

    a: Array = per_neuron(doc="rate of the recovery u", unit="1/ms", default=0.02, above=0.0)
    b: Array = per_neuron(doc="how strongly u follows v", unit="1", default=0.2)
    c: Array = per_neuron(doc="v after a spike", unit="mV", default=-65.0)
    d: Array = per_neuron(doc="what a spike adds to u", unit="mV", default=8.0)
    r: Array = per_neuron(doc="gain of the input", unit="mV/ms per input", default=1.0, kw_only=True)
    v_peak: Array = per_neuron(doc="v at which a spike ends", unit="mV", default=30.0, kw_only=True)
    dt: float = number(doc="length of a step", unit="ms", default=1.0, above=0.0, high=2.0, kw_only=True)

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        rank = len(shapes[0])
        v = np.full((batch, *shapes[0]), spread(self.c.astype(dtype), rank))
        return {"v": v, "u": settle(spread(self.b.astype(dtype), rank) * v)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        kind, rank = x.dtype.type, x.ndim - 1
        a, b, c, d, r, peak = (spread(p, rank) for p in (self.a, self.b, self.c, self.d, self.r, self.v_peak))
        v, u, dt = state["v"], state["u"], kind(self.dt)
        for _ in range(2):
            slope = kind(0.04) * v * v + kind(5) * v + kind(140) - u + r * x
            v = np.minimum(v + kind(0.5) * dt * slope, peak)
        u = u + dt * a * (b * v - u)
        spikes = v >= peak
        state["v"] = settle(np.where(spikes, c, v))
        state["u"] = settle(np.where(spikes, u + d, u))
        return spikes.astype(x.dtype)
