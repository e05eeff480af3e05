"""Spiking neurons. Every convention that tools differ in is a field, so that a file says what it means."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from talon.ir.declare import Array, choice, integer, number, per_neuron
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.exact import settle
from talon.ir.fields import PerNeuronField, Shape
from talon.ir.primitive import Composite, Primitive, Tally


def spread(value: np.ndarray, rank: int) -> np.ndarray:
    """A per-neuron parameter ready to broadcast over `(B, *shape)`: a 1-D one lies along axis 0 of the sample."""
    if value.ndim == 1 and value.size > 1:
        return value.reshape(-1, *(1,) * (rank - 1))
    return value.reshape(()) if value.size == 1 else value


def form_fits(form: Shape, sample: Shape) -> bool:
    """Whether a parameter of this shape is a scalar, per channel, or broadcasts to the sample without enlarging it."""
    if form in ((), (1,)):
        return True
    if len(form) == 1:
        return form == sample[:1]
    return len(form) == len(sample) and all(p in (1, n) for p, n in zip(form, sample, strict=True))


class PerNeuron(Primitive):
    """A neuron of any kind: parameters in the three forms of `per_neuron`, one unit per value, spikes out.

    The checks and the shape follow from the fields; a subclass adds them, `init_state` and `step`.
    """

    spiking = True

    @classmethod
    @cache
    def per_neuron_fields(cls) -> tuple[str, ...]:
        return tuple(n for n, f in cls.fields.items() if isinstance(f, PerNeuronField))

    def forms(self) -> dict[str, Shape]:
        """The shapes of the parameters that are no scalars."""
        forms: dict[str, Shape] | None = self.__dict__.get("_forms")
        if forms is None:
            shapes = {n: self.shape_of(n) for n in self.per_neuron_fields()}
            forms = self.__dict__["_forms"] = {n: s for n, s in shapes.items() if s is not None and s not in ((), (1,))}
        return forms

    def constrain(self) -> None:
        vectors = {n: s[0] for n, s in self.forms().items() if len(s) == 1}
        if len(set(vectors.values())) > 1:
            names = list(vectors)
            other = next(n for n in names if vectors[n] != vectors[names[0]])
            raise TalonValueError(
                "T201",
                f"{other} does not fit {names[0]}",
                expected=f"{vectors[names[0]]} values as in {names[0]}",
                found=f"{vectors[other]} values in {other}",
                help="give each one value, or one value per channel",
            )

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        for name, form in self.forms().items():
            if not form_fits(form, shape):
                same = [n for n, other in self.forms().items() if other == form]
                raise TalonShapeError(
                    "T104",
                    f"{name} does not fit the input",
                    expected=f"{form[0]} neurons ({', '.join(same)})" if len(form) == 1 else f"{name} of shape {form}",
                    found=f"a sample of shape {shape}",
                    help=f"give {', '.join(same)} one value for all, "
                    + (f"{shape[0]} values (one per channel), or a shape that broadcasts to {shape}" if shape else ""),
                )
        return shape

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> Tally:
        batch = output.shape[0]
        return {"updates": output[0].size, "spikes": np.count_nonzero(output.reshape(batch, -1), axis=1)}


class Neuron(PerNeuron):
    """Reset, comparison and state, common to every neuron here.

    The spike test is `v >= v_threshold` (`comparator="gt"`: `>`), then the reset: `"value"` sets `v` to `v_reset`,
    `"subtract"` takes `v_threshold` off, `"none"` leaves it. With `reset_delay=1` the reset of a spike at step t acts
    at t + 1: `"value"` before the leak, `"subtract"` after leak and input and before the spike test.
    """

    reset: Literal["value", "subtract", "none"] = choice(
        ("value", "subtract", "none"), doc="what a spike does to the membrane", default="value", kw_only=True
    )
    v_reset: Array = per_neuron(doc="membrane after a reset to value", unit="V", default=0.0, kw_only=True)
    reset_delay: int = integer(doc="steps until the reset acts", unit="steps", default=0, low=0, high=1, kw_only=True)
    comparator: Literal["ge", "gt"] = choice(
        ("ge", "gt"), doc="spike when v >= or > the threshold", default="ge", kw_only=True
    )
    v_init: Array = per_neuron(doc="membrane before the first step", unit="V", default=0.0, kw_only=True)

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        v = np.empty((batch, *shapes[0]), dtype)
        v[...] = spread(self.v_init.astype(dtype), len(shapes[0]))
        return {"v": settle(v)}

    def threshold(self, rank: int) -> np.ndarray:
        raise NotImplementedError

    def integrate(self, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The membrane after leak and input, before the spike test."""
        raise NotImplementedError

    def fires(self, v: np.ndarray, threshold: np.ndarray) -> np.ndarray:
        return v >= threshold if self.comparator == "ge" else v > threshold

    def is_late(self) -> bool:
        """Whether the reset of a spike acts one step later."""
        return self.reset_delay == 1 and self.reset != "none"

    def tested(self, t: int, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The membrane that the spike test finds, from that before the step."""
        rank = x.ndim - 1
        threshold = self.threshold(rank)
        # A pending reset is not stored: it follows from the membrane as it stood before the reset. Step 0 has none.
        pending = self.fires(v, threshold) if self.is_late() and t > 0 else None
        if pending is not None and self.reset == "value":
            v = np.where(pending, spread(self.v_reset, rank), v)
        v = self.integrate(v, x)
        if pending is not None and self.reset == "subtract":
            v = np.where(pending, v - threshold, v)
        return settle(v)

    def margin(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        return np.asarray(self.tested(t, state["v"], x) - self.threshold(x.ndim - 1))

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        rank, late = x.ndim - 1, self.is_late()
        threshold, v = self.threshold(rank), self.tested(t, state["v"], x)
        spikes = self.fires(v, threshold)
        if not late and self.reset == "value":
            v = np.where(spikes, spread(self.v_reset, rank), v)
        elif not late and self.reset == "subtract":
            v = np.where(spikes, v - threshold, v)
        state["v"] = settle(v)
        return spikes.astype(x.dtype)


class LIF(Neuron):
    """Leaky integrate-and-fire: `v <- beta v + (1 - beta)(v_leak + r x)`, `beta = 1 - 1/tau`, then spike and reset.

    Forward Euler with a step of one of the leaky integrator (Gerstner et al., Neuronal Dynamics, section 1.3).
    """

    known_as = {
        "nir": 'LIF, with comparator="gt" and tau / dt',
        "snntorch": 'Leaky, with comparator="gt", reset="subtract", reset_delay=1, r=tau',
        "spikingjelly": "LIFNode with a hard reset to 0",
    }
    usage = ("ir.LIF(tau=4.0, r=8.0, v_leak=0.0, v_threshold=1.0)", [(3,)])

    tau: Array = per_neuron(doc="membrane time constant", unit="steps", low=1.0)
    r: Array = per_neuron(doc="membrane resistance, the gain of the input", unit="V per input")
    v_leak: Array = per_neuron(doc="resting membrane, towards which v leaks", unit="V")
    v_threshold: Array = per_neuron(doc="spike threshold", unit="V")

    def threshold(self, rank: int) -> np.ndarray:
        return spread(self.v_threshold, rank)

    def integrate(self, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        rank = x.ndim - 1
        one = x.dtype.type(1)
        beta = one - one / spread(self.tau, rank)
        gain = one - beta
        return np.asarray(beta * v + gain * (spread(self.v_leak, rank) + spread(self.r, rank) * x))


class IF(Neuron):
    """Integrate-and-fire without leak: `v <- v + r x`, then spike and reset."""

    known_as = {
        "nir": 'IF, with comparator="gt"',
        "spikingjelly": 'IFNode with a hard reset to 0, or reset="subtract" for v_reset=None',
    }
    usage = ("ir.IF(v_threshold=1.0)", [(3,)])

    v_threshold: Array = per_neuron(doc="spike threshold", unit="V")
    r: Array = per_neuron(doc="gain of the input", unit="V per input", default=1.0, kw_only=True)

    def threshold(self, rank: int) -> np.ndarray:
        return spread(self.v_threshold, rank)

    def integrate(self, v: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.asarray(v + spread(self.r, x.ndim - 1) * x)


class NeuronsInside(Composite):
    """What composites share that have neurons inside on request, after sites that each of them names."""

    neuron: Literal["none", "if"] = choice(
        ("none", "if"),
        doc="neurons inside: none, or IF that reset to 0 at v >= v_threshold",
        default="none",
        kw_only=True,
    )
    v_threshold: float = number(doc="spike threshold of the neurons inside", unit="V", default=1.0, kw_only=True)

    def inner_neuron(self) -> IF:
        """One of the neurons inside; only asked for with `neuron="if"`."""
        return IF.restore({"v_threshold": self.v_threshold})
