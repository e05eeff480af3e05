"""What cores give beside what the integer engine gives: outputs, records, membranes and counts, to the bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from talon import hw
from talon.engine import Result
from talon.testing.results import of_arrays

QUANTITIES = ("v", "out", "spikes")
"""What is told of neurons on both sides."""


def same_run(where: str, found: hw.BuildResult, expected: Result) -> None:
    """Raise AssertionError unless a run of a build gave what the engine gave. `where`: which run it was."""
    for difference in differences(found, expected):
        raise AssertionError(f"{where}: {difference}")


def differences(found: hw.BuildResult, expected: Result) -> Iterator[str]:
    """What a run of a build has otherwise, in words."""
    yield from of_arrays("output", found.outputs, expected.outputs)
    cells = {layer.neuron for layer in found.chip.layers if layer.neuron is not None}
    told = {f"{path}.{quantity}" for path in cells for quantity in QUANTITIES}
    yield from of_arrays("record", found.records, {key: expected.records[key] for key in told})
    if found.state.step != expected.state.step:
        yield f"the state is that before step {found.state.step}, not {expected.state.step}"
    yield from of_arrays("state", flat(found.state.nodes), flat({path: expected.state.nodes[path] for path in cells}))
    on_chip = cells | {source.node for layer in found.chip.layers for source in layer.sources}
    # What the host computes is counted by nobody.
    counted = {path: dict(expected.counts[path]) for path in expected.counts if path in on_chip}
    for path in unread(found) & counted.keys():
        # Cores hear nothing of inputs that no output reads; the engine looks at these, too.
        binary = found.counts[path]["binary_input"]
        if not (counted[path]["binary_input"] <= binary).all():
            yield f"{path!r} has binary inputs by the engine, and others by the cores"
        counted[path]["binary_input"] = binary
    yield from of_arrays("count", flat(found.counts), flat(counted))


def flat(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{path}.{name}": array for path, values in nodes.items() for name, array in values.items()}


def unread(found: hw.BuildResult) -> set[str]:
    """The nodes that leave out some of their inputs: strides over kernels, dilations."""
    return {
        source.node
        for layer in found.chip.layers
        for source in layer.sources
        if any(len(window.reads(0, window.outputs)) < window.inputs for window in source.windows)
    }
