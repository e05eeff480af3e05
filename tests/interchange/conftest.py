"""NIR files as talon graphs, for tests only: a reader of the eight runnable files, and the two primitives they need.

The meaning is that of the README beside the files: `v += dt/tau (r i + v_leak - v)`, spike when `v > v_threshold`,
a missing `v_reset` is 0, edges that close a cycle carry what the last step gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from talon import ir
from talon.ir.declare import Array, number, per_neuron
from talon.ir.exact import settle
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import Neuron, spread
from talon.plugins import temporary


class CubaLIF(Neuron):
    """A LIF whose input is a current that decays: `c += dt/tau_syn (w_in x - c)`, then the membrane as in LI."""

    tau_syn: Array = per_neuron(doc="time constant of the current", unit="s", above=0.0)
    tau_mem: Array = per_neuron(doc="time constant of the membrane", unit="s", above=0.0)
    r: Array = per_neuron(doc="membrane resistance", unit="V per current")
    v_leak: Array = per_neuron(doc="resting membrane", unit="V")
    v_threshold: Array = per_neuron(doc="spike threshold", unit="V")
    w_in: Array = per_neuron(doc="gain of the input", unit="current per input")
    dt: float = number(doc="length of a step", unit="s", above=0.0)

    def threshold(self, rank: int) -> np.ndarray:
        return spread(self.v_threshold, rank)

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        return {**super().init_state(batch, shapes, dtype), "c": np.zeros((batch, *shapes[0]), dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        rate = x.dtype.type(self.dt) / spread(self.tau_syn, x.ndim - 1)
        c = state["c"] + rate * (spread(self.w_in, x.ndim - 1) * x - state["c"])
        state["c"] = settle(c)
        return super().step(t, state, state["c"])

    def integrate(self, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        rank = x.ndim - 1
        rate = x.dtype.type(self.dt) / spread(self.tau_mem, rank)
        return np.asarray(v + rate * (spread(self.r, rank) * x + spread(self.v_leak, rank) - v))


class LI(ir.Primitive):
    """A membrane without spikes: `v += dt/tau (r x + v_leak - v)`, and v is the output."""

    tau: Array = per_neuron(doc="time constant", unit="s", above=0.0)
    r: Array = per_neuron(doc="gain of the input", unit="V per input")
    v_leak: Array = per_neuron(doc="resting membrane", unit="V")
    dt: float = number(doc="length of a step", unit="s", above=0.0)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return inputs[0]

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        return {"v": np.zeros((batch, *shapes[0]), dtype)}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        tau, r, leak = (spread(p, x.ndim - 1) for p in (self.tau, self.r, self.v_leak))
        v = state["v"]
        state["v"] = settle(v + x.dtype.type(self.dt) / tau * (r * x + leak - v))
        return state["v"]


class Reader:
    """One file as one graph, under one way to reset."""

    def __init__(self, dt: float, reset: str) -> None:
        self.dt, self.reset = dt, reset

    def read(self, path: Path) -> ir.Graph:
        with h5py.File(path) as file:
            return self.graph(file["node"])

    def graph(self, group: Any) -> ir.Graph:
        edges = [(src.decode(), dst.decode()) for src, dst in group["edges"][()]]
        nodes: dict[str, ir.Node] = {}
        for name, stored in group["nodes"].items():
            kind = stored["type"][()].decode()
            if kind == "NIRGraph":
                nodes[name] = self.graph(stored)
                continue
            values = {key: stored[key][()] for key in stored}
            if kind == "SumPool2d":  # has no channels of its own there: they are those of the neurons before it
                before = next(src for src, dst in edges if dst == name)
                values["channels"] = group["nodes"][before]["v_threshold"].shape[0]
            nodes[name] = getattr(self, f"as_{kind.lower()}")(values)
        return ir.Graph(nodes, edges, dt=self.dt)

    def neuron(self, values: dict[str, Any], *names: str) -> dict[str, Any]:
        """Fields that neurons share. Their parameters have the shape of their input, which a cycle may depend on."""
        kept = {name: values[name] for name in names}
        how = {"reset": self.reset, "comparator": "gt", "v_reset": values.get("v_reset", 0.0)}
        return {**kept, **how, "input_type": values["v_threshold"].shape}

    def as_input(self, values: dict[str, Any]) -> ir.Input:
        return ir.Input(values["shape"])

    def as_output(self, values: dict[str, Any]) -> ir.Output:
        return ir.Output(values["shape"])

    def as_affine(self, values: dict[str, Any]) -> ir.Affine:
        return ir.Affine(values["weight"], values["bias"])

    def as_conv2d(self, values: dict[str, Any]) -> ir.Conv2d:
        places = {name: values[name] for name in ("stride", "padding", "dilation")}
        return ir.Conv2d(values["weight"], values["bias"], groups=int(values["groups"]), **places)

    def as_sumpool2d(self, values: dict[str, Any]) -> ir.SDConv:
        """A pool that adds: a depthwise convolution with kernels of ones."""
        ones = np.ones((values["channels"], 1, *values["kernel_size"]), np.float32)
        return ir.SDConv(ones, None, values["stride"], values["padding"])

    def as_flatten(self, values: dict[str, Any]) -> ir.Flatten:
        return ir.Flatten(int(values["start_dim"]), int(values["end_dim"]))

    def as_lif(self, values: dict[str, Any]) -> ir.LIF:
        neuron = self.neuron(values, "r", "v_leak", "v_threshold")
        return ir.LIF(tau=values["tau"] / self.dt, **neuron)

    def as_if(self, values: dict[str, Any]) -> ir.IF:
        return ir.IF(**self.neuron(values, "v_threshold", "r"))

    def as_cubalif(self, values: dict[str, Any]) -> CubaLIF:
        names = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")
        return CubaLIF(**self.neuron(values, *names), w_in=values.get("w_in", 1.0), dt=self.dt)

    def as_li(self, values: dict[str, Any]) -> LI:
        return LI(values["tau"], values["r"], values["v_leak"], self.dt)


@pytest.fixture
def nir_graph() -> Iterator[Callable[[Path, float, str], ir.Graph]]:
    """`nir_graph(path, dt, reset)` reads one of the runnable files; its primitives are known as long as the test."""
    with temporary(primitives={"CubaLIF": CubaLIF, "LI": LI}):
        yield lambda path, dt, reset: Reader(dt, reset).read(path)
