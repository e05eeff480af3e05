"""The Izhikevich neuron for the native engine: its step, in the arrays of the state and two more."""

from __future__ import annotations

from typing import Any

import numpy as np
from talon.engine.kernels import KernelState
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import spread

from talon_acme.neurons import Izhikevich


class IzhikevichKernel:
    """Implements `talon.engine.kernels.Kernel`. Each line rounds as the same line of the step does."""

    def __init__(self, node: Izhikevich, in_shapes: tuple[Shape, ...], batch: int, dtype: np.dtype[Any]) -> None:
        self.node, self.given = node, (batch, in_shapes, dtype)
        names = ("a", "b", "c", "d", "r", "v_peak")
        self.a, self.b, self.c, self.d, self.r, self.peak = (spread(getattr(node, n), len(in_shapes[0])) for n in names)
        kind = dtype.type
        self.numbers = kind(0.04), kind(5), kind(140)
        self.half, self.rate = kind(0.5) * kind(node.dt), kind(node.dt) * self.a
        self.smallest = np.finfo(dtype).smallest_normal
        self.drive, self.slope, self.other = (np.empty((batch, *in_shapes[0]), dtype) for _ in range(3))
        self.spikes = np.empty((batch, *in_shapes[0]), bool)

    def init_state(self) -> dict[str, np.ndarray]:
        return self.node.init_state(*self.given)

    def step(self, inputs: tuple[np.ndarray, ...], state: KernelState, out: tuple[np.ndarray, ...]) -> None:
        v, u = state["v"], state["u"]
        np.multiply(self.r, inputs[0], out=self.drive)
        for _ in range(2):
            self.rise(v, u)
        np.multiply(self.b, v, out=self.slope)
        self.slope -= u
        self.slope *= self.rate
        u += self.slope
        np.greater_equal(v, self.peak, out=self.spikes)
        np.copyto(v, self.c, where=self.spikes)
        np.add(u, self.d, out=u, where=self.spikes)
        for array in (v, u):
            np.abs(array, out=self.slope)
            array[self.slope < self.smallest] = 0
        np.copyto(out[0], self.spikes)

    def rise(self, v: np.ndarray, u: np.ndarray) -> None:
        """Half a step of v."""
        square, linear, constant = self.numbers
        np.multiply(square, v, out=self.slope)
        self.slope *= v
        np.multiply(linear, v, out=self.other)
        self.slope += self.other
        self.slope += constant
        self.slope -= u
        self.slope += self.drive
        self.slope *= self.half
        v += self.slope
        np.minimum(v, self.peak, out=v)
