"""A deployed build beside the integer engine: everything that both tell is the same, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from talon import hw, ir
from talon.engine import Result, run
from talon.hw.native.library import load
from tests.hw.chips import chip
from tests.hw.deploying.recounting import reconciled, within_limits

KERNELS = ("oracle", "event", "dense") if load()[0] is not None else ("oracle",)
ROOMY = {"count": 400, "neurons": 10**6, "fan_in": 10**6, "in_axons": 10**6, "out_edges": 10**7,
         "weight_words": 10**7, "state_words": 10**7}  # fmt: skip
"""Cores that hold any of these networks whole."""
ANYWHERE = {"noc__kind": "crossbar", "noc__route": "unknown", "noc__multicast": "unknown"}
"""Where the cores lie costs time to say, and changes no answer."""
PARTS = (1, 2, 3, 7)
FEW = 80
"""Networks of so many neurons are also cut into cores of one."""


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
    same(found.records, {key: expected.records[key] for key in told})
    assert found.state.step == expected.state.step
    same_nodes(found.state.nodes, {path: expected.state.nodes[path] for path in cells})
    on_chip = cells | {source.node for layer in found.chip.layers for source in layer.sources}
    # What the host computes is counted by nobody.
    counted = {path: dict(expected.counts[path]) for path in expected.counts if path in on_chip}
    for path in unread(found) & counted.keys():
        # Cores hear nothing of inputs that no output reads; the engine looks at these, too.
        binary = found.counts[path]["binary_input"]
        assert (counted[path]["binary_input"] <= binary).all()
        counted[path]["binary_input"] = binary
    same_nodes(found.counts, counted)


def same_nodes(found: Mapping[str, Mapping[str, np.ndarray]], expected: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    assert found.keys() == expected.keys()
    for path, values in expected.items():
        same(found[path], values)


def unread(found: hw.BuildResult) -> set[str]:
    """The nodes that leave out some of their inputs: strides over kernels, dilations."""
    return {
        source.node
        for layer in found.chip.layers
        for source in layer.sources
        if any(len(window.reads(0, window.outputs)) < window.inputs for window in source.windows)
    }


def agree(
    quantised: ir.Graph, inputs: Any, targets: Sequence[hw.Target], repeat: int | None = None, **how: Any
) -> list[tuple[hw.Build, hw.BuildResult]]:
    """Deploy to each of the targets and run; compare with every way of the integer engine, count again what the cores
    did, and see that they keep their limits. `how` is what deploy takes besides."""
    expected = [
        run(quantised, inputs, repeat=repeat, engine="integer", engine_options={"kernels": kernels}, record="*")
        for kernels in KERNELS
    ]
    done = []
    for target in targets:
        build = hw.deploy(quantised, target, **how)
        cells = any(layer.neuron is not None for layer in build.chip.layers)
        found = build.run(inputs, repeat=repeat, record="*" if cells else ())
        for one in expected:
            same_run(found, one)
        reconciled(found)
        within_limits(build, target)
        done.append((build, found))
    return done


def targets_for(quantised: ir.Graph, parts: Sequence[int] = PARTS, **changes: Any) -> list[hw.Target]:
    """Targets whose cores hold this share of the network's neurons; `changes` as `chip` takes them."""
    changes = ANYWHERE | changes
    whole = hw.deploy(quantised, chip(ROOMY, **changes))
    assert whole.cores <= 1
    size = sum(whole.chip.neurons)
    caps = dict.fromkeys([-(-size // n) for n in parts] + ([1] if size <= FEW else []))
    return [chip({**ROOMY, "neurons": max(1, cap)}, **changes) for cap in caps]


def split(
    graph: ir.Graph, inputs: Any, *, parts: Sequence[int] = PARTS, repeat: int | None = None,
    changes: Mapping[str, Any] | None = None, calibration: Any = None, **asked: Any,
) -> list[tuple[hw.Build, hw.BuildResult]]:  # fmt: skip
    """Quantise a float graph for a chip with these changes, and compare on one core and on many."""
    changes = changes or {}
    given = inputs if calibration is None else calibration
    quantised = hw.quantize(graph, chip(ROOMY, **changes), calibration=given, repeat=repeat, **asked)
    targets = targets_for(quantised, parts, **changes)
    done = agree(quantised, inputs, targets, repeat)
    assert done[0][0].cores <= 1
    for (build, _), target in zip(done, targets, strict=True):
        size, cap = sum(build.chip.neurons), target.cores[0].neurons.value
        assert cap is not None
        assert build.cores >= -(-size // cap)
    return done
