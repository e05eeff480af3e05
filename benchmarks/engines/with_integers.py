"""talon's integer engine on the same network, calibrated with the inputs that it then runs: in 8 bits, and in 10 where
these let no neuron fire."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import exported
from exported import Exported
from with_talon import Native
from worker import serve

from talon import hw, ir


class Integers(Native):
    target: ClassVar[str | Path] = "generic-mesh"

    def __init__(self, network: Exported, threads: int) -> None:
        super().__init__(network, threads)
        graph = ir.read(network.folder / exported.GRAPH)
        quantised = hw.quantize(graph, self.target, calibration=self.inputs, repeat=self.repeat)
        self.program = hw.compile(quantised, engine="integer")
        if not any(self.spikes().values()):
            raise NotImplementedError("no neuron fires: inputs are rounded to too little")


class Wider(Integers):
    target = Path(__file__).with_name("wider-mesh.toml")

    def __init__(self, network: Exported, threads: int) -> None:
        if not network.recurrent:
            raise NotImplementedError("8 bits are enough")
        super().__init__(network, threads)


if __name__ == "__main__":
    serve({"8 bits": Integers, "10 bits": Wider}, ["talon-core", "talon-hw", "numpy"])
