"""SpikingJelly's neurons, a step or all steps at a time."""

from __future__ import annotations

import torch
from exported import Layer
from spikingjelly.activation_based.neuron import LIFNode
from torch_runner import folded, steps
from torch_source import Make, Neuron
from worker import serve


def mode(name: str) -> Make:
    def make(layer: Layer, first: torch.Tensor | None) -> Neuron:
        threshold = layer.settings["v_threshold"]
        neuron = LIFNode(tau=2.0, decay_input=False, v_threshold=threshold, v_reset=0.0, step_mode=name)
        if first is not None:
            neuron.v = first.clone()
        return neuron.eval()

    return make


if __name__ == "__main__":
    serve({"step by step": steps(mode("s")), "layer by layer": folded(mode("m"))}, ["spikingjelly", "torch"])
