"""talon's native engine, in the project's own environment."""

from __future__ import annotations

from typing import Any

import exported
from exported import Exported
from worker import serve

from talon import hw, ir


class Native:
    def __init__(self, network: Exported, threads: int) -> None:
        self.program = hw.compile(ir.read(network.folder / exported.GRAPH))
        self.threads = threads
        constant = len(network.inputs) < network.steps
        self.inputs, self.repeat = (network.inputs[0], network.steps) if constant else (network.inputs, None)
        self.neurons = network.neurons

    def run(self) -> Any:
        return self.program.run(self.inputs, repeat=self.repeat, threads=self.threads)

    def spikes(self) -> dict[str, int]:
        counts = self.run().counts
        return {name: int(counts[name]["spikes"].sum()) for name in self.neurons}


if __name__ == "__main__":
    serve({"native": Native}, ["talon-core", "talon-hw", "numpy"])
