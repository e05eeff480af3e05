"""What a representative input does in the float network: how large sums and membranes become, and what enters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.engine import run
from talon.engine.inputs import batches
from talon.engine.state import State
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph

STEPS = 8
"""How many steps are recorded at once, so that memory stays flat however long the input is."""

LEAST = 1e-30
"""Smaller numbers leave no room for what 1 of many bits stands for."""


@dataclass(frozen=True)
class Calibration:
    """`inputs`: arrays `(T, B, *shape)` by Input name; `largest`: record key -> the largest size in every place of the
    sample, `(*shape)`; `digest`: sha256 of the inputs."""

    inputs: Mapping[str, np.ndarray]
    largest: Mapping[str, np.ndarray]
    digest: str


def calibrate(graph: Graph, inputs: Any, keys: Iterable[str], repeat: int | None = None) -> Calibration:
    """Run the graph in float32 and note how large the recorded quantities become. Raises what `run` raises, and
    `TalonTargetError` (T506) where they are too large or too small for a scale in float32."""
    arrays, steps, _ = batches(graph, inputs, repeat)
    wanted = tuple(keys)
    largest: dict[str, np.ndarray] = {}
    state: State | None = None
    for start in range(0, steps, STEPS):
        part = {name: np.ascontiguousarray(array[start : start + STEPS]) for name, array in arrays.items()}
        result = run(graph, part, state=state, record=wanted)
        state = result.state
        for key, values in result.records.items():
            size = np.abs(values).max(axis=(0, 1))
            largest[key] = np.maximum(largest[key], size) if key in largest else size
    for key, size in largest.items():
        refuse_without_scale(key, float(size.max(initial=0)))
    return Calibration(arrays, largest, digest(arrays))


def refuse_without_scale(key: str, size: float) -> None:
    """Raise `TalonTargetError` (T506) for a quantity whose largest value leaves no float32 for what 1 stands for."""
    if size == 0 or LEAST <= size < np.inf:
        return
    node, _, what = key.rpartition(".")
    said = "sums" if what == "out" else "membranes"
    way = "smaller" if size < LEAST else "larger"
    raise TalonTargetError(
        "T506",
        f"{said} of {node!r} become {way} than float32 can be scaled to",
        node=node,
        expected=f"numbers of at least {LEAST:.0e}, and finite ones",
        found=f"{size:.4g}",
        help="multiply the input, or weights and thresholds, by a factor that brings them near 1",
    )


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], "<f4")
        found.update(f"{name} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
