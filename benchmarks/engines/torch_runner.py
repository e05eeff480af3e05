"""Runs an exported network with torch and some product's neurons."""

from __future__ import annotations

from typing import Any

import torch
from exported import CSR, Exported
from torch_source import Make, Neuron, compiled
from worker import Build

torch.set_grad_enabled(False)


class Runner:
    """Feed-forward: `folded` as in `torch_source.source`."""

    def __init__(self, network: Exported, threads: int, folded: bool, make: Make) -> None:
        if network.recurrent:
            raise NotImplementedError("goes step by step")
        torch.set_num_threads(threads)
        self.inputs = torch.from_numpy(network.inputs)
        self.timed = compiled(network, folded, False, make)
        self.counted = compiled(network, folded, True, make)

    def run(self) -> Any:
        return self.timed(self.inputs)

    def spikes(self) -> dict[str, int]:
        return {name: int(total) for name, total in self.counted(self.inputs)[1].items()}


class Recurrent:
    """Neurons and a sparse matrix that takes their spikes back to them a step later."""

    def __init__(self, network: Exported, threads: int, make: Make) -> None:
        torch.set_num_threads(threads)
        self.steps = network.steps
        self.drive = torch.from_numpy(network.inputs[0])
        (synapses,) = (layer for layer in network.layers if layer.type == "Affine")
        (self.neuron,) = (layer for layer in network.layers if layer.type == "LIF")
        self.make = make
        first = network.array(self.neuron, "v_init")
        assert first is not None
        self.first = torch.from_numpy(first)[None]
        indptr, indices, data = (torch.from_numpy(network.arrays[f"{synapses.name}.weight.{part}"]) for part in CSR)
        size = len(indptr) - 1
        self.matrix = torch.sparse_csr_tensor(indptr.long(), indices.long(), data, (size, size))

    def run(self) -> torch.Tensor:
        neuron = self.make(self.neuron, self.first)
        back, total = torch.zeros_like(self.drive), torch.zeros(())
        for _ in range(self.steps):
            spikes = neuron(self.drive + back)
            back = torch.mv(self.matrix, spikes[0])[None]
            total = total + spikes.sum()
        return total

    def spikes(self) -> dict[str, int]:
        return {self.neuron.name: int(self.run())}


def steps(make: Make) -> Build:
    """Step by step."""

    def build(network: Exported, threads: int) -> Any:
        if network.recurrent:
            return Recurrent(network, threads, make)
        return Runner(network, threads, False, make)

    return build


def folded(make: Make) -> Build:
    """Layer by layer, all steps at once, by neurons that take all steps."""
    return lambda network, threads: Runner(network, threads, True, make)


def scanned(make: Make) -> Build:
    """The same by neurons that take a step."""

    def scanning(layer: Any, first: torch.Tensor | None) -> Neuron:
        neuron = make(layer, first)
        return lambda inputs: torch.stack([neuron(x) for x in inputs])

    return folded(scanning)


def both(make: Make) -> dict[str, Build]:
    return {"step by step": steps(make), "layer by layer": scanned(make)}
