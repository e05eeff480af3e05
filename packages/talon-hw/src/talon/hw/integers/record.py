"""What a quantised graph carries beside its integers: `quantization_config` of the outermost graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from talon.engine.quantised import in_integers
from talon.hw.integers.arithmetic import MOST_BITS, Arithmetic
from talon.hw.integers.packed import DAMAGED, packed, unpacked
from talon.ir.errors import TalonFormatError, TalonRunError
from talon.ir.graph import Graph


@dataclass(frozen=True)
class Encoding:
    """How the values of an Input become integers: `round(x / scale)`, halves to even, between `low` and `high`."""

    scale: float
    low: int
    high: int

    def encode(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what is beyond float64 is beyond the limits, too
            return np.asarray(np.clip(np.rint(x.astype(np.float64) / self.scale), self.low, self.high), np.int64)

    def read(self, name: str, x: np.ndarray) -> np.ndarray:
        """The same of what somebody gave for the Input `name`: numbers beyond the limits are cut to them, but what is
        encoded as spikes has none. Raises `TalonRunError` (T401) for anything but 0 and 1 there."""
        self.refuse_no_spikes(name, x)
        return self.encode(x)

    def refuse_no_spikes(self, name: str, x: np.ndarray) -> None:
        if not self.binary or (wrong := x[(x != 0) & (x != 1)]).size == 0:
            return
        raise TalonRunError(
            "T401",
            "the Input is encoded as spikes, and what is given is none",
            node=name,
            expected="0 and 1, as the calibration had",
            found=f"{wrong.flat[0]:.6g}",
            help="encode it as spikes before the network; or quantise with a calibration that has such values, for a "
            "target whose numeric.payload has bits",
        )

    def decode(self, coded: np.ndarray) -> np.ndarray:
        """Values that `encode` gives these integers for."""
        return np.asarray(coded.astype(np.float64) * self.scale, np.float32)

    @property
    def keeps_spikes(self) -> bool:
        """Whether 0 and 1 become 0 and 1."""
        return self.scale == 1.0 and self.low <= 0 and self.high >= 1

    @property
    def binary(self) -> bool:
        return self.scale == 1.0 and (self.low, self.high) == (0, 1)


@dataclass(frozen=True)
class QuantRecord:
    """The arithmetic that the integers are for, how inputs are encoded, the unit of every sum (node path -> what 1
    stands for, one for all or one per channel), widths that a node has for itself, and where all that comes from."""

    arithmetic: Arithmetic
    inputs: Mapping[str, Encoding]
    units: Mapping[str, np.ndarray]
    accumulator_bits: Mapping[str, int] = field(default_factory=dict)
    shifts: Mapping[str, int] = field(default_factory=dict)
    """Node path of a neuron -> how far its input is shifted to the left into the membrane; below 0, to the right."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Target, calibration, method and the lines of the ledger, for people and reports; nothing computes with it."""

    def as_config(self) -> dict[str, Any]:
        """The values for `Graph.quantization_config`."""
        said = {
            "arithmetic": self.arithmetic.as_dict(),
            "inputs": {n: {"scale": e.scale, "low": e.low, "high": e.high} for n, e in self.inputs.items()},
            "units": dict(self.units),
            "accumulator_bits": dict(self.accumulator_bits),
            "shifts": dict(self.shifts),
            "origin": dict(self.origin),
        }
        return packed(said)

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """The record of a graph. Raises `TalonRunError` (T508) where it has none, `TalonFormatError` (T303) where it
        is damaged."""
        if not in_integers(graph):
            raise TalonRunError(
                "T508",
                "the graph holds no integers",
                expected="a graph that hw.quantize made",
                found="float parameters",
                help="quantise it first: hw.quantize(graph, target, calibration=x), or 'talon hw quantize'",
            )
        try:
            said = unpacked(graph.quantization_config)
            found = cls(
                Arithmetic.of(said["arithmetic"]),
                {n: Encoding(float(e["scale"]), int(e["low"]), int(e["high"])) for n, e in said["inputs"].items()},
                {name: np.asarray(unit, np.float32) for name, unit in said["units"].items()},
                {name: int(bits) for name, bits in said["accumulator_bits"].items()},
                {name: int(bits) for name, bits in said["shifts"].items()},
                dict(said["origin"]),
            )
            numbers = [*found.units.values()] + [np.array(e.scale) for e in found.inputs.values()]
            if any(abs(bits) >= MOST_BITS for bits in found.shifts.values()):
                raise ValueError("a shift that no register has")
            if any(not (np.isfinite(number) & (number > 0)).all() for number in numbers):
                raise ValueError("a unit or scale that is not finite and positive")
        except DAMAGED as error:
            raise TalonFormatError(
                "T303",
                "quantization_config is damaged",
                expected="what hw.quantize writes",
                found=f"{type(error).__name__}: {error}",
                help="quantise the network again",
            ) from error
        return found
