"""A layer in which neurons compete, made of primitives that talon-core has."""

from __future__ import annotations

import numpy as np
from talon import ir
from talon.ir.declare import Array, integer, number, per_neuron


class WinnerTakeAll(ir.Composite):
    """LIF neurons of which each spike inhibits all others one step later, by `inhibition`.

    The soft winner-take-all of W. Maass, On the Computational Power of Winner-Take-All, Neural Computation 12(11),
    2000, with equal lateral weights: the neuron that is driven most silences the rest.
    """

    features: int = integer(doc="number of neurons", low=2)
    inhibition: float = number(doc="what one spike takes from the input of all others", unit="input", low=0.0)
    tau: Array = per_neuron(doc="membrane time constant", unit="steps", default=2.0, low=1.0, kw_only=True)
    v_threshold: Array = per_neuron(doc="spike threshold", unit="V", default=1.0, kw_only=True)

    def decompose(self) -> ir.Graph:
        lateral = self.inhibition * (np.eye(self.features, dtype=np.float32) - 1)
        neuron = {"tau": self.raw("tau"), "r": 1.0, "v_leak": 0.0, "v_threshold": self.raw("v_threshold")}
        return ir.Graph(
            {
                "input": ir.Input(None),
                "lif": ir.LIF.restore(neuron),
                "lateral": ir.Affine(np.asarray(lateral, np.float32)),
                "output": ir.Output(None),
            },
            [("input", "lif"), ir.Edge("lif", "lateral", delay=1), ("lateral", "lif"), ("lif", "output")],
        )
