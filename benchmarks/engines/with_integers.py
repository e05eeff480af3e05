"""talon's integer engine on the same network in 8 bits, calibrated with the inputs that it then runs."""

from __future__ import annotations

import exported
from exported import Exported
from with_talon import Native
from worker import serve

from talon import hw, ir

TARGET = "generic-mesh"


class Integers(Native):
    def __init__(self, network: Exported, threads: int) -> None:
        if network.recurrent:
            raise NotImplementedError("sparse weights become dense when they are quantised")
        super().__init__(network, threads)
        graph = ir.read(network.folder / exported.GRAPH)
        self.program = hw.compile(hw.quantize(graph, TARGET, calibration=network.inputs), engine="integer")


if __name__ == "__main__":
    serve({"8 bits": Integers}, ["talon-core", "talon-hw", "numpy"])
