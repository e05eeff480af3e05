"""Cores and networks of the targets that ship: several kinds of cores, other limits, no known topology."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.chips import chip, crossed
from tests.hw.deploying.agreeing import ROOMY, agree

RNG = np.random.default_rng(28)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def spikes(*shape: int) -> np.ndarray:
    return (RNG.random(shape) < 0.4).astype(np.float32)


def dense(cell: Any) -> ir.Graph:
    return ir.Graph.chain(
        ir.Input([12]), ir.Affine(normal(300, 12)), cell(), ir.Affine(normal(5, 300)), cell(), ir.Output([5])
    )


def maps(cell: Any) -> ir.Graph:
    layers = (ir.Conv2d(normal(8, 2, 3, 3), padding=1), cell(), ir.Conv2d(normal(8, 8, 3, 3), padding=1, stride=2))
    end = (ir.AvgPool2d(2), ir.Flatten(), ir.Affine(normal(10, 128)))
    return ir.Graph.chain(ir.Input([2, 16, 16]), *layers, cell(), *end, cell(), ir.Output([10]))


def lif() -> ir.LIF:
    return ir.LIF(4.0, 2.0, 0.0, 0.6)


CASES = [
    ("generic-mesh", dense, lif),
    ("generic-mesh", maps, lif),
    ("loihi1", maps, lif),
    ("speck2e", maps, lambda: ir.IF(0.8)),
    ("t1c-asic", maps, lif),
    ("xylo-audio2", dense, lif),
    ("zcu102", maps, lif),
    ("zynq-7020", dense, lif),
]


@pytest.mark.parametrize(("name", "net", "cell"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_cores_of_targets_that_ship(name: str, net: Any, cell: Any) -> None:
    """With the arithmetic of the mesh, as that of most is not known well enough."""
    target, graph = crossed(name), net(cell)
    (port,) = graph.inputs.values()
    x = spikes(6, 2, *port.shape)
    ((build, found),) = agree(hw.quantize(graph, target, calibration=x), x, [target], calibration=x)
    assert build.cores > 1
    assert found.packets > 0
    assert build.verify()
    if len(target.cores) > 1:
        assert len(set(build.chip.kinds)) > 1


@pytest.mark.parametrize("kind", ["mesh", "torus", "none", "crossbar"])
def test_networks_of_cores(kind: str) -> None:
    """Where the cores lie changes no answer."""
    target = chip({**ROOMY, "neurons": 40}, noc__kind=kind, noc__route="unknown", noc__multicast="unknown")
    graph = dense(lif)
    x = spikes(6, 2, 12)
    ((build, _),) = agree(hw.quantize(graph, target, calibration=x), x, [target])
    assert build.chip.positions.shape == (build.cores, 2 if kind in ("mesh", "torus") else 1)
