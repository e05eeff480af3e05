"""What is written and read: the same layers for every product, from a fixed seed. Only numpy is needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Layer = tuple[str, str, dict[str, np.ndarray]]
"""Name, type and arrays, as constructors of all products take them."""


def weights(megabytes: int) -> Iterator[Layer]:
    """Large layers: matrices of 4 MB."""
    rng = np.random.default_rng(1)
    for number in range(megabytes // 4):
        arrays = {"weight": rng.standard_normal((1000, 1000), np.float32), "bias": np.ones(1000, np.float32)}
        yield f"fc{number}", "Affine", arrays


def nodes(count: int) -> Iterator[Layer]:
    """Small layers, half of them neurons; two or four arrays each."""
    rng = np.random.default_rng(1)
    neuron = {"tau": 2.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    for number in range(0, count, 2):
        arrays = {"weight": rng.standard_normal((4, 4), np.float32), "bias": np.ones(4, np.float32)}
        yield f"fc{number}", "Affine", arrays
        yield f"lif{number}", "LIF", {name: np.full(4, value, np.float32) for name, value in neuron.items()}


def layers(workload: str) -> list[Layer]:
    """The layers of a workload such as "weights 200" (megabytes) or "nodes 10000"."""
    kind, size = workload.split()
    return list({"weights": weights, "nodes": nodes}[kind](int(size)))


def width(found: list[Layer]) -> int:
    """The length of what goes into the first layer and out of the last."""
    return len(found[0][2]["bias"])
