"""Norse's neurons."""

from __future__ import annotations

import torch
from exported import Layer
from norse.torch import LIFBoxCell, LIFBoxParameters
from norse.torch.functional.lif_box import LIFBoxFeedForwardState
from torch_runner import both
from torch_source import Neuron
from worker import serve


def make(layer: Layer, first: torch.Tensor | None) -> Neuron:
    # It fires above the threshold, not at it, and takes half of what comes in.
    below = torch.nextafter(torch.tensor(layer.settings["v_threshold"]), torch.tensor(0.0))
    cell = LIFBoxCell(p=LIFBoxParameters(tau_mem_inv=torch.tensor(0.5), v_th=below), dt=1.0)
    state = None if first is None else LIFBoxFeedForwardState(v=first)

    def step(x: torch.Tensor) -> torch.Tensor:
        nonlocal state
        spikes, state = cell(x * 2, state)
        return spikes

    return step


if __name__ == "__main__":
    serve(both(make), ["norse", "torch"])
