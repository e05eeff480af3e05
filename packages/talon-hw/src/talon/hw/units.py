"""What holds for every unit before anything is placed: who reads it, and whether it comes from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talon.hw.layers import Layer
from talon.hw.wiring import Wiring, unit_of


@dataclass(frozen=True)
class Units:
    """By unit number: how many Outputs read it, whether it is outside the chip, and how many connections it makes."""

    leaving: np.ndarray
    outside: np.ndarray
    fan_out: np.ndarray


def units_of(wiring: Wiring, layers: Sequence[Layer]) -> Units:
    """The units of a wired graph."""
    leaving = np.zeros(wiring.count, np.int64)
    for number, node in enumerate(wiring.nodes):
        if type(node).__name__ == "Output":
            for wires in wiring.arriving(number):
                leaving[np.unique(unit_of(wires[wires >= 0]))] += 1
    held = np.array([role is not None for role in wiring.roles], bool)
    fan_out = np.zeros(wiring.count, np.int64)
    for layer in layers:
        for feeder in layer.feeders:
            readers = feeder.need.fan_out()
            wires = unit_of(feeder.wires)
            np.add.at(fan_out, wires[wires >= 0], np.broadcast_to(readers, wires.shape)[wires >= 0])
    return Units(leaving, ~held[wiring.owner], fan_out)
