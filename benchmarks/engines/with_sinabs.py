"""sinabs's neurons, which take all steps at once."""

from __future__ import annotations

import math

import sinabs.activation
import sinabs.layers
import torch
from exported import Layer
from torch_runner import folded
from torch_source import Neuron
from worker import serve


def make(layer: Layer, first: torch.Tensor | None) -> Neuron:
    neuron = sinabs.layers.LIF(
        tau_mem=1 / math.log(2),
        spike_threshold=torch.tensor(layer.settings["v_threshold"]),
        spike_fn=sinabs.activation.SingleSpike,
        reset_fn=sinabs.activation.MembraneReset(),
        norm_input=False,
    )
    return lambda inputs: neuron(inputs.transpose(0, 1)).transpose(0, 1)


if __name__ == "__main__":
    serve({"layer by layer": folded(make)}, ["sinabs", "torch"])
