"""A deployed build beside the integer engine: everything that both tell is the same, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon import hw, ir
from talon.engine import Result, run
from talon.hw.native.library import load

KERNELS = ("oracle", "event", "dense") if load()[0] is not None else ("oracle",)


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Equal in names, types, shapes and bits."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert np.ascontiguousarray(found[name]).tobytes() == np.ascontiguousarray(array).tobytes(), name


def same_run(found: hw.BuildResult, expected: Result) -> None:
    """Outputs, records, membranes and counts."""
    same(found.outputs, expected.outputs)
    cells = {layer.neuron for layer in found.chip.layers if layer.neuron is not None}
    told = {f"{path}.{quantity}" for path in cells for quantity in ("v", "out", "spikes")}
    assert found.records.keys() == told
    same(found.records, {key: expected.records[key] for key in told})
    assert found.state.step == expected.state.step
    assert found.state.nodes.keys() == cells
    for path in cells:
        same(found.state.nodes[path], expected.state.nodes[path])
    on_chip = cells | {source.node for layer in found.chip.layers for source in layer.sources}
    # What the host computes is counted by nobody.
    counted = {path: expected.counts[path] for path in expected.counts if path in on_chip}
    assert found.counts.keys() == counted.keys()
    for path, quantities in counted.items():
        same(found.counts[path], quantities)


def agree(
    quantised: ir.Graph, inputs: Any, target: Any = "generic-mesh", repeat: int | None = None, **how: Any
) -> tuple[hw.Build, hw.BuildResult]:
    """Deploy and run; compare with every way of the integer engine. `how` is what deploy takes besides."""
    build = hw.deploy(quantised, target, **how)
    cells = [layer.neuron for layer in build.chip.layers if layer.neuron is not None]
    found = build.run(inputs, repeat=repeat, record="*" if cells else ())
    for kernels in KERNELS:
        options = {"kernels": kernels}
        same_run(found, run(quantised, inputs, repeat=repeat, engine="integer", engine_options=options, record="*"))
    return build, found
