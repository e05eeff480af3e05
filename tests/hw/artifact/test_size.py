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


def dense(bits: int) -> hw.Build:
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((1024, 1024)).astype(np.float32)
    graph = ir.Graph.chain(
        input=ir.Input([1024]), a=ir.Affine(weights), n=ir.LIF(4.0, 4.0, 0.0, 1.0), out=ir.Output(None)
    )
    x = (rng.random((4, 2, 1024)) < 0.3).astype(np.float32)
    return builds.quantised(
        graph, chip({"count": 64, "neurons": 64, "in_axons": 1024, "weight_words": 65536}), x, bits=bits
    )


def small_tiles() -> hw.Build:
    """Tiles of few weights, so that what is said of a tile counts."""
    rng = np.random.default_rng(5)
    weights = [rng.standard_normal((8, 8, 1, 1)).astype(np.float32) for _ in range(3)]
    nodes: dict[str, ir.Node] = {"input": ir.Input([8, 24, 24])}
    for n, weight in enumerate(weights):
        nodes |= {f"a{n}": ir.Conv2d(weight), f"n{n}": ir.IF(1.0)}
    x = (rng.random((4, 2, 8, 24, 24)) < 0.3).astype(np.float32)
    target = chip({"count": 1024, "neurons": 32, "in_axons": 4096, "weight_words": 4096})
    return builds.quantised(ir.Graph.chain(**nodes, out=ir.Output(None)), target, x)


BUILDS = {
    "dense, 6 bits": lambda: dense(6),
    "dense, 3 bits": lambda: dense(3),
    "many small tiles": small_tiles,
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
