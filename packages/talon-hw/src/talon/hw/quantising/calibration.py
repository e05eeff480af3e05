"""What a representative input does in the float network: how large sums and membranes become, and what enters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.engine import stream
from talon.engine.inputs import batches
from talon.ir.graph import Graph

STEPS = 8
"""How many steps are recorded at once, so that memory stays flat however long the input is."""


@dataclass(frozen=True)
class Calibration:
    """`inputs`: arrays `(T, B, *shape)` by Input name; `largest`: record key -> the largest size in every place of the
    sample, `(*shape)`; `digest`: sha256 of the inputs."""

    inputs: Mapping[str, np.ndarray]
    largest: Mapping[str, np.ndarray]
    digest: str


def calibrate(graph: Graph, inputs: Any, keys: Iterable[str], repeat: int | None = None) -> Calibration:
    """Run the graph in float32 and note how large the recorded quantities become. Raises what `run` raises."""
    arrays, _, _ = batches(graph, inputs, repeat)
    largest: dict[str, np.ndarray] = {}
    for result in stream(graph, arrays, chunk=STEPS, record=tuple(keys)):
        for key, values in result.records.items():
            size = np.abs(values).max(axis=(0, 1))
            largest[key] = np.maximum(largest[key], size) if key in largest else size
    return Calibration(arrays, largest, digest(arrays))


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], "<f4")
        found.update(f"{name} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
