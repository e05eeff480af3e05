"""Networks with sparse weights, and every way in which their integers are run."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from talon import ir
from talon.engine import Result, run
from talon.hw.native import library
from tests.hw.test_native import SETS, WAYS, same_result

RNG = np.random.default_rng(12)


def thinned(rng: np.random.Generator, *shape: int, share: float = 0.3) -> np.ndarray:
    return np.where(rng.random(shape) < share, rng.standard_normal(shape), 0).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def layer(weight: Any, **cell: Any) -> ir.Graph:
    cell = {"v_threshold": 0.5} | cell
    shape = [weight.shape[1]]
    return ir.Graph.chain(input=ir.Input(shape), fc=ir.Affine(weight), cell=ir.IF(**cell), out=ir.Output(None))


def recurrent(size: int, matrix: ir.CSR) -> ir.Graph:
    """Neurons with numbers of an Input that hear each other a step later."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([size]),
        "synapses": ir.SpikingAffine(matrix, weight_bits=12, accumulator_bits=24),
        "lif": ir.LIF(2.0, 2.0, 0.0, 1.0),
        "output": ir.Output([size]),
    }
    edges = [("input", "lif"), ("lif", "synapses"), ("synapses", "lif"), ("lif", "output")]
    return ir.Graph(nodes, edges, allow_cycles=True)


def circle(size: int) -> ir.CSR:
    """Every neuron is joined to the next two."""
    rows = np.repeat(np.arange(size), 2)
    columns = np.sort(np.stack([(np.arange(size) - 1) % size, (np.arange(size) - 2) % size], axis=1), axis=1).ravel()
    return ir.CSR(np.arange(size + 1) * 2, columns, np.where(rows % 3, 0.4, -0.3).astype(np.float32), (size, size))


def ways(graph: ir.Graph, x: np.ndarray, sets: list[str] = SETS, **options: Any) -> Result:
    """Every way of the library against the oracle, whose result it returns."""
    expected = run(graph, x, engine="integer", engine_options={"kernels": "oracle"}, **options)
    try:
        for isa, way in itertools.product(sets, WAYS if sets else ()):
            library.library().isa(isa)
            same_result(run(graph, x, engine="integer", **way, **options), expected)
    finally:
        if SETS:
            library.library().isa(SETS[-1])
    return expected
