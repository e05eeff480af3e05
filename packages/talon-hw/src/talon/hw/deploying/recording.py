"""What a run of a build tells of neurons: records step by step, and the membranes at the end."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from talon.engine.state import State
from talon.engine.task import matching
from talon.hw.deploying.programs import Chip
from talon.hw.deploying.running import Running
from talon.hw.integers.arithmetic import held, largest

FLOAT32 = np.dtype(np.float32)


def state_of(chip: Chip, running: Running, steps: int, batch: int) -> State:
    """Membranes by node, in the node's own order."""
    nodes: dict[str, dict[str, np.ndarray]] = {}
    for layer in chip.layers:
        if layer.neuron is not None:
            nodes.setdefault(layer.neuron, {"v": np.zeros((batch, *layer.neurons), np.int64)})
    most = dict.fromkeys(nodes, 0)
    for number, tile in enumerate(chip.tiles):
        layer = chip.layers[tile.layer]
        if layer.neuron is not None and tile.cells is not None:
            own = largest(chip.arithmetic.membranes, tile.cells.reset, tile.cells.start)
            most[layer.neuron] = max(most[layer.neuron], own)
            flat = nodes[layer.neuron]["v"].reshape(batch, -1)
            flat[:, tile.cells.seats.ravel()] = running.v[number]["v"].reshape(batch, -1)
    return State(steps, {name: {"v": values["v"].astype(held(most[name]))} for name, values in nodes.items()})


class Recorder:
    """What is asked for of every neuron, step by step, in the numbers that the integers stand for."""

    def __init__(self, chip: Chip, record: str | Iterable[str], steps: int, batch: int) -> None:
        self.chip = chip
        self.tiles: dict[str, list[int]] = {}
        for number, tile in enumerate(chip.tiles):
            for quantity in QUANTITIES:
                self.tiles.setdefault(f"{chip.layers[tile.layer].neuron}.{quantity}", []).append(number)
        shapes = recordable(chip, record)
        self.records = {key: np.zeros((steps, batch, *shape), FLOAT32) for key, shape in shapes.items()}

    def take(self, t: int, running: Running, values: np.ndarray) -> None:
        for key, array in self.records.items():
            flat = array[t].reshape(len(array[t]), -1)
            for number in self.tiles[key]:
                tile = self.chip.tiles[number]
                assert tile.cells is not None
                seats = tile.cells.seats.ravel()
                if key.endswith(".v"):
                    layer = self.chip.layers[tile.layer]
                    unit = np.broadcast_to(layer.unit, layer.neurons).reshape(-1)[seats].astype(np.float64)
                    flat[:, seats] = running.v[number]["v"].reshape(len(flat), -1) * unit
                else:
                    flat[:, seats] = values[:, tile.first : tile.first + tile.size]


QUANTITIES = ("v", "out", "spikes")
"""What is told of neurons. Sums that leave the chip are told as outputs."""


def recordable(chip: Chip, record: str | Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of what is asked for, by key. Raises `TalonRunError` (T404)."""
    cells = {layer.neuron: layer.neurons for layer in chip.layers if layer.neuron is not None}
    shapes = {f"{name}.{quantity}": shape for name, shape in cells.items() for quantity in QUANTITIES}
    wanted = (record,) if isinstance(record, str) else record
    return {key: shapes[key] for key in matching(wanted, list(shapes))}
