"""A graph with arrays of every kind of place in a zarr store, and what tests ask of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir

RNG = np.random.default_rng(0)
LARGE, WIDE, MIDDLE, SMALL = (
    RNG.standard_normal(shape).astype(np.float32) for shape in ((200, 200), (1, 20_000), (40, 40), (4, 4))
)
GRAPH = ir.Graph(
    {
        "in": ir.Input([200]),
        "large": ir.Affine(LARGE),
        "sub": ir.Graph.chain(input=ir.Input([40]), middle=ir.Affine(MIDDLE), output=ir.Output([40])),
        "small": ir.Affine(SMALL),
        "wide": ir.Affine(WIDE),
        "lif": ir.LIF(np.float32(2), 1.0, 0.0, 1.0),
    },
    [("in", "large"), ("large", "lif")],
    metadata={"made": "here"},
    dt=0.001,
)
OTHER = ir.Graph({"in": ir.Input([3])}, [])
SUFFIXES = [".zarr", ".zarr.zip"]


def code_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ir.TalonError) as caught:
        call(*arguments, **named)
    return caught.value.code
