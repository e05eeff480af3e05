"""Running one primitive by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import ir

Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    """`run(node, x, ...)` gives what the node gives for every step of `x (T, *shape)`, batch 1, as one array."""

    def run(node: ir.Primitive, *inputs: Any, dtype: type = np.float32) -> Any:
        ready = node.cast(np.dtype(dtype))
        arrays = [np.asarray(x, dtype)[:, None] for x in inputs]
        state = ready.init_state(1, tuple(x.shape[2:] for x in arrays), np.dtype(dtype))
        out = [ready.step(t, state, *(x[t] for x in arrays)) for t in range(len(arrays[0]))]
        if isinstance(out[0], tuple):
            return tuple(np.stack(part)[:, 0] for part in zip(*out, strict=True))
        return np.stack(out)[:, 0]

    return run
