"""A sample with its answer, to test a chip with: small, so that it travels with every build."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from talon.engine.inputs import batches, cast
from talon.hw.deploying.build import Build, Golden
from talon.hw.deploying.recording import FLOAT32
from talon.hw.integers.narrow import width

MOST_BYTES = 32 << 10
"""Of the input, and of the answer, packed to the width of their numbers."""


def golden_of(build: Build, calibration: Any, repeat: int | None) -> Build:
    """The build with the first sample of the calibration, as many steps of it as fit."""
    arrays, steps, _ = batches(build.inputs, calibration, repeat)
    coded = {
        name: build.chip.inputs[name].encoding.read(name, np.asarray(cast(name, array[:, :1], FLOAT32)))
        for name, array in arrays.items()
    }
    bits = [sum(array[0].size * width(array)[0] for array in coded.values())]
    answers, sums = build.answers(coded)
    bits.append(sum(array[0].size * width(array)[0] for array in answers))
    fitting = min([steps, *(MOST_BYTES * 8 // n for n in bits if n)])
    if not fitting:
        return build
    golden = Golden(
        {name: array[:fitting, 0] for name, array in coded.items()},
        tuple(array[:fitting, 0] for array in answers),
        sums.by_core[fitting - 1],
        sums.by_step[:fitting],
    )
    return replace(build, golden=golden)
