"""Arbitrary finite numbers: zeros of both signs, ones, a grid that meets thresholds, subnormal and large values."""

from __future__ import annotations

import numpy as np

from talon.ir.graph import Graph

SHARES = {
    "zero": 0.3,
    "minus zero": 0.1,
    "one": 0.15,
    "grid": 0.15,
    "normal": 0.2,
    "subnormal": 0.05,
    "large": 0.05,
}
"""How much of each kind there is."""


def arbitrary(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    """Numbers of every kind that an input may hold. Sums and products of the large ones may overflow."""
    about = np.finfo(np.dtype(dtype))
    normal = rng.standard_normal(shape)
    kinds = {
        "zero": np.zeros(shape),
        "minus zero": np.full(shape, -0.0),
        "one": np.ones(shape),
        "grid": np.round(normal * 4) / 4,
        "normal": normal,
        "subnormal": np.sign(normal) * rng.random(shape) * float(about.smallest_normal),
        "large": normal * 10.0 ** rng.integers(1, about.maxexp // 4, shape),
    }
    which = rng.choice(len(SHARES), shape, p=list(SHARES.values()))
    chosen = np.choose(which, [kinds[kind] for kind in SHARES])
    largest = float(about.max)
    return np.asarray(np.clip(chosen, -largest, largest), dtype)


def arbitrary_feeds(
    graph: Graph, seed: int, *, steps: int = 5, batch: int = 2, dtype: str = "float32"
) -> dict[str, np.ndarray]:
    """As `talon.testing.graphs.feeds`, of arbitrary finite numbers."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, node in graph.inputs.items():
        assert node.shape is not None, f"the shape of Input {name!r} is not declared"
        found[name] = arbitrary(rng, steps, batch, *node.shape, dtype=dtype)
    return found
