"""Builds that artifacts are made of: small ones with something of everything, and how to compare two."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from talon import hw, ir
from tests.hw.chips import chip


def quantised(graph: ir.Graph, target: hw.Target, x: Any, **asked: Any) -> hw.Build:
    return hw.deploy(hw.quantize(graph, target, calibration=x, **asked), target, calibration=x)


@cache
def everything() -> hw.Build:
    """Convolutions in groups, a pool, a dense layer by steps, a sparse one in a ring, delays, a sum that is read,
    three cores or more, and a node that the host computes."""
    rng = np.random.default_rng(4)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    graph = ir.Graph(
        {
            "in": ir.Input([2, 6, 6]),
            "conv": ir.Conv2d(normal(4, 1, 3, 3), normal(4), groups=2, padding=1),
            "a": ir.LIF(4.0, 2.0, 0.1, rng.uniform(0.3, 1, (4, 6, 6)), v_reset=-0.2, v_init=0.1),
            "pool": ir.MaxPool2d(2),
            "flat": ir.Flatten(),
            "fc": ir.Affine(normal(3, 8, 36), normal(8)),
            "b": ir.IF(0.9, reset="subtract", reset_delay=1),
            "back": ir.Affine(ir.CSR.from_dense(normal(8, 8).clip(0))),
            "sum": ir.Affine(normal(4, 8)),
            "soft": ir.Softmax(4),
            "out": ir.Output(None),
            "spikes": ir.Output([8]),
        },
        [
            ("in", "conv"), ("conv", "a"), ("a", "pool"), ("pool", "flat"), ("flat", "fc"), ir.Edge("fc", "b", delay=2),
            ("b", "back"), ir.Edge("back", "b", delay=1), ir.Edge("b", "sum", delay=3), ("sum", "soft"),
            ("soft", "out"), ("b", "spikes"),
        ],
        allow_cycles=True,
    )  # fmt: skip
    x = (rng.random((6, 2, 2, 6, 6)) < 0.4).astype(np.float32)
    build = quantised(graph, chip({"count": 64, "neurons": 48, "weight_words": 1200, "state_words": 48}), x)
    # Seats in an order of their own, so that they are stored.
    tiles = list(build.chip.tiles)
    number = next(n for n, tile in enumerate(tiles) if tile.cells is not None)
    cells = tiles[number].cells
    assert cells is not None
    tiles[number] = replace(tiles[number], cells=replace(cells, seats=np.ascontiguousarray(cells.seats[:, ::-1])))
    return replace(build, chip=replace(build.chip, tiles=tuple(tiles)))


@cache
def small() -> hw.Build:
    """Two layers on two cores, with numbers at the Input."""
    rng = np.random.default_rng(5)
    graph = ir.Graph.chain(
        input=ir.Input([5]),
        fc1=ir.Affine(rng.standard_normal((6, 5)).astype(np.float32), np.ones(6, np.float32)),
        lif=ir.LIF(3.0, 2.0, 0.0, 0.5),
        fc2=ir.Affine(rng.standard_normal((3, 6)).astype(np.float32)),
        n=ir.IF(0.7),
        out=ir.Output(None),
    )
    x = rng.uniform(0, 1, (5, 1, 5)).astype(np.float32)
    return quantised(graph, chip({"count": 2, "neurons": 6, "weight_words": 60, "state_words": 24}), x)


def same(a: Any, b: Any, where: str = "build") -> None:
    """Every field of two builds is equal, arrays to the value and shape."""
    if isinstance(a, np.ndarray):
        assert np.array_equal(a, b), where
        assert a.shape == b.shape, where
        assert a.dtype.kind == b.dtype.kind, where
    elif isinstance(a, ir.Graph):
        assert a.same_as(b), where
    elif isinstance(a, hw.Target):
        assert a.hash == b.hash, where
        assert a.data == b.data, where
    elif is_dataclass(a) and not isinstance(a, type):
        assert type(a) is type(b), where
        for field in fields(a):
            same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for n, (one, other) in enumerate(zip(a, b, strict=True)):
            same(one, other, f"{where}[{n}]")
    elif hasattr(a, "keys"):
        assert list(a) == list(b), where
        for key in a:
            same(a[key], b[key], f"{where}[{key!r}]")
    else:
        assert a == b, where


@cache
def digits(bits: int) -> hw.Build:
    """The network of the demo."""
    from talon.cli.demo import drive, model_path, test_images
    from talon.storage import read

    graph = read(model_path())
    x, steps = drive(graph, test_images()[0])[:32], int(graph.metadata["steps"])
    quantised = hw.quantize(graph, calibration=x, repeat=steps, bits=bits)
    return hw.deploy(quantised, calibration=x, repeat=steps)
