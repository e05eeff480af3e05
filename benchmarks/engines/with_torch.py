"""torch without a library of neurons: what one would write by hand."""

from __future__ import annotations

import torch
from exported import Layer
from torch_runner import both
from torch_source import Neuron
from worker import serve


def make(layer: Layer, first: torch.Tensor | None) -> Neuron:
    threshold = layer.settings["v_threshold"]
    v = first if first is not None else torch.zeros(())
    leaky = layer.type == "LIF"

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal v
        v = 0.5 * v + x if leaky else v + x
        spikes = (v >= threshold).float()
        v = v * (1 - spikes)
        return spikes

    return step


if __name__ == "__main__":
    serve(both(make), ["torch"])
