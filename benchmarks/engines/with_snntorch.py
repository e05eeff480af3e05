"""snnTorch's neurons."""

from __future__ import annotations

import snntorch
import torch
from exported import Layer
from torch_runner import both
from torch_source import Neuron
from worker import serve


def make(layer: Layer, first: torch.Tensor | None) -> Neuron:
    # It fires above the threshold, not at it.
    below = torch.nextafter(torch.tensor(layer.settings["v_threshold"]), torch.tensor(0.0)).item()
    neuron = snntorch.Leaky(beta=0.5, threshold=below, reset_mechanism="zero")
    membrane = first if first is not None else neuron.init_leaky()

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal membrane
        spikes, membrane = neuron(x, membrane)
        return spikes

    return step


if __name__ == "__main__":
    serve(both(make), ["snntorch", "torch"])
