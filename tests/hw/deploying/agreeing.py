"""A deployed build beside the integer engine: everything that both tell is the same, to the bit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from talon import hw, ir
from talon.engine import run
from talon.hw.native.library import load
from talon.testing.targets.agreed import same_run
from talon.testing.targets.recounted import within_limits
from tests.hw.chips import chip
from tests.hw.deploying.recounting import reconciled

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
            same_run(target.id, found, one)
        reconciled(found)
        within_limits(build, target)
        assert taken_back(build) == build.graph
        done.append((build, found))
    return done


def taken_back(build: hw.Build) -> str:
    """The graph of the build as it comes from its file, which checks every number."""
    with tempfile.TemporaryDirectory() as folder:
        build.save(f"{folder}/net.talonhw")
        return hw.load(f"{folder}/net.talonhw").graph


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
