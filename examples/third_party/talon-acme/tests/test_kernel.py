"""The kernel of Izhikevich gives what its step gives, wherever it is used."""

from __future__ import annotations

import numpy as np
import pytest
from talon import ir
from talon.engine import list_engines, run
from talon.engine.kernels import find
from talon.testing.kernels import check_kernel

from talon_acme.kernels import IzhikevichKernel
from talon_acme.neurons import Izhikevich


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_keeps_what_every_kernel_promises(dtype: str) -> None:
    check_kernel("native", Izhikevich, range(20), dtype=dtype)


def test_talon_finds_it() -> None:
    entry = find("native", "Izhikevich")
    assert entry is not None
    assert entry.load() is IzhikevichKernel


def test_spikes_and_long_runs_are_the_same_on_every_engine_here() -> None:
    cells = Izhikevich(a=[0.02, 0.1], c=[-65.0, -50.0], d=2.0)
    graph = ir.Graph.chain(input=ir.Input([2]), cell=cells, output=ir.Output([2]))
    expected = run(graph, np.full((3, 2), 10.0), repeat=500, engine="reference")
    assert expected.outputs["output"].sum() > 50
    for engine in list_engines():
        found = run(graph, np.full((3, 2), 10.0), repeat=500, engine=engine)
        assert np.array_equal(found.outputs["output"], expected.outputs["output"])
        for name, array in expected.state.nodes["cell"].items():
            assert np.array_equal(found.state.nodes["cell"][name], array)
