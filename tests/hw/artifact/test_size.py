"""How large artifacts are, beside what cores must be told at the least."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.artifact import builds
from tests.hw.chips import chip

ROOM = 64 << 10


def bits_of(values: np.ndarray) -> int:
    """The packed width: the fewest bits that hold every number of an array, with a sign where there is one."""
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    return max(most.bit_length(), (-least - 1).bit_length() if least < 0 else 0, 1) + (least < 0)


def bound(build: hw.Build) -> int:
    """Bytes of the tensors of every core, and of routing entries, each at its packed width: weights, biases and
    parameters of neurons as they are, and for each route which core and which axon."""
    total = 0
    for tile in build.chip.tiles:
        arrays = [array for part in tile.parts for array in (part.weight, part.bias) if array is not None]
        if tile.cells is not None:
            arrays += [tile.cells.threshold, tile.cells.reset, tile.cells.start, tile.cells.factor]
        total += sum(-(-array.size * bits_of(array) // 8) for array in arrays)
    entry = bits_of(build.chip.routes.cores) + bits_of(build.chip.routes.axons)
    return total + -(-len(build.chip.routes.cores) * entry // 8)


def convolutions() -> hw.Build:
    rng = np.random.default_rng(2)

    def conv(out: int, into: int) -> ir.Conv2d:
        return ir.Conv2d(rng.standard_normal((out, into, 3, 3)).astype(np.float32), padding=1)

    graph = ir.Graph.chain(
        input=ir.Input([2, 32, 32]),
        a=conv(16, 2), na=ir.IF(1.5), pool=ir.MaxPool2d(2),
        b=conv(32, 16), nb=ir.IF(4.0), c=conv(32, 32), nc=ir.IF(4.0),
        out=ir.Output(None),
    )  # fmt: skip
    x = (rng.random((4, 2, 2, 32, 32)) < 0.2).astype(np.float32)
    target = chip({"count": 256, "neurons": 1024, "in_axons": 4096, "weight_words": 16384, "state_words": 1024})
    return builds.quantised(graph, target, x)


def perceptron() -> hw.Build:
    rng = np.random.default_rng(3)
    nodes: dict[str, ir.Node] = {"input": ir.Input([784])}
    for n, (into, out) in enumerate([(784, 1024), (1024, 1024), (1024, 10)]):
        nodes[f"fc{n}"] = ir.Affine((rng.standard_normal((out, into)) / np.sqrt(into)).astype(np.float32))
        nodes[f"n{n}"] = ir.LIF(4.0, 4.0, 0.0, 0.2)
    graph = ir.Graph.chain(**nodes, out=ir.Output(None))
    x = (rng.random((4, 2, 784)) < 0.2).astype(np.float32)
    return hw.deploy(hw.quantize(graph, calibration=x), "zcu102", calibration=x)


BUILDS = {
    "digits, 8 bits": lambda: builds.digits(8),
    "digits, 4 bits": lambda: builds.digits(4),
    "convolutions over many cores": convolutions,
    "784-1024-1024-10 on zcu102": perceptron,
}


@pytest.mark.parametrize("which", list(BUILDS))
def test_size(tmp_path: Path, which: str) -> None:
    build = BUILDS[which]()
    path = tmp_path / "net.talonhw"
    build.save(path)
    size, least = path.stat().st_size, bound(build)
    print(f"{which}: {size:,} bytes, bound {least:,}, {(size - ROOM) / least:.2f} of it beside the room; {build}")
    assert size <= 1.1 * least + ROOM
    assert hw.load(path).verify()
