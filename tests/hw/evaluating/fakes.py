"""Networks, and things that run without being one, for tests of evaluation; importable by other processes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.native import library

RNG = np.random.default_rng(3)
STEPS, CLASSES = 6, 3
X = (RNG.random((20, 4)) * 2).astype(np.float32)


def net(seed: int = 0) -> ir.Graph:
    """4 inputs, 5 hidden neurons, 3 classes."""
    rng = np.random.default_rng(seed)
    return ir.Graph.chain(
        input=ir.Input([4]),
        fc1=ir.Affine(rng.standard_normal((5, 4)).astype("f4"), np.zeros(5, "f4")),
        lif1=ir.LIF(2.0, 2.0, 0.0, 0.5),
        fc2=ir.Affine(rng.standard_normal((CLASSES, 5)).astype("f4"), np.zeros(CLASSES, "f4")),
        lif2=ir.LIF(2.0, 2.0, 0.0, 0.5),
        output=ir.Output([CLASSES]),
    )


def quantised(seed: int = 0, **options: Any) -> ir.Graph:
    return hw.quantize(net(seed), calibration=X, repeat=STEPS, **options)


def program(seed: int = 0) -> hw.Program:
    """One that is compiled with a C library or without."""
    return hw.compile(quantised(seed), engine="integer")


NATIVE = pytest.param(
    "native", marks=pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")
)
"""The engine that needs the library."""


@dataclass
class Build:
    """Something that runs: its answer is the place of the largest input. Samples of `bad` first values fail."""

    fingerprint: str = "build"
    bad: tuple[float, ...] = ()
    stops_after: int | None = None
    ran: list[int] = field(default_factory=list)
    """How many samples every run had."""

    def run(self, inputs: Any, *, repeat: int | None = None) -> Any:
        if self.stops_after is not None and len(self.ran) >= self.stops_after:
            raise KeyboardInterrupt
        self.ran.append(len(inputs))
        for value in self.bad:
            if value in inputs[:, 0]:
                raise OSError(f"the chip does not take {value}")
        steps, batch = repeat or 1, len(inputs)
        counts = {"core0": {"synops": np.full((steps, batch), 2), "packets": np.full((steps, batch), 1)}}
        return SimpleNamespace(outputs={"y": np.broadcast_to(inputs, (steps, *inputs.shape))}, counts=counts)


def hashed(outputs: Any) -> str:
    """The outputs of a sample to the bit."""
    named = outputs if isinstance(outputs, dict) else {"": outputs}
    found = hashlib.sha256()
    for name, array in sorted(named.items()):
        found.update(f"{name if len(named) > 1 else ''} {array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def computed(found: hw.Evaluation) -> dict[str, Any]:
    """What an evaluation says, but for what only chips count."""
    return {name: value for name, value in found.as_dict().items() if name != "events"}
