"""The arithmetic of a target: how wide registers are, and how sums overflow, numbers are rounded and membranes decay.

Everything here is on int64 and has one meaning, which the C library computes too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from talon.ir.errors import TalonFormatError, TalonRunError

OVERFLOWS = ("saturate", "wrap", "trap")
ROUNDINGS = ("floor", "rtz", "half_even", "half_up")
DECAYS = ("shift", "shift_at_least_1", "multiply")
ACCUMULATIONS = ("exact", "sequential_saturate")
ORDERS = (("decay", "input", "spike", "reset"), ("input", "decay", "spike", "reset"))
MOST_BITS = 48
"""Of a register: products with a factor of a decay must stay inside 63 bits."""


@dataclass(frozen=True)
class Register:
    """A signed register of `bits` bits, and what happens to a number that does not fit: it stops at the nearest one
    that does (saturate), loses its upper bits (wrap), or ends the run with an error (trap)."""

    bits: int
    overflow: str

    @property
    def low(self) -> int:
        return int(-(2 ** (self.bits - 1)))

    @property
    def high(self) -> int:
        return int(2 ** (self.bits - 1) - 1)


@dataclass(frozen=True)
class Decay:
    """How a membrane loses its charge in a step.

    `shift`: `v - (v >> k)`; `shift_at_least_1`: the same, but at least 1 is taken off whatever is not 0; `multiply`:
    `v * factor / 2 ** bits`. Both quotients are rounded by `rounding`.
    """

    rule: str
    bits: int
    rounding: str


@dataclass(frozen=True)
class Arithmetic:
    """What `[numeric]` of a target says, nothing of it unknown. `rounding`: of sums that are shifted to the right into
    a membrane; `order`: of a step."""

    accumulators: Register
    rounding: str
    membranes: Register
    decay: Decay | None
    comparator: str
    accumulate: str
    order: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a quantised graph carries them."""
        return asdict(self) | {"order": list(self.order)}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From what `as_dict` gave. Raises `TalonFormatError` (T303) for anything else."""
        try:
            decay = said["decay"]
            found = cls(
                Register(**said["accumulators"]),
                said["rounding"],
                Register(**said["membranes"]),
                None if decay is None else Decay(**decay),
                said["comparator"],
                said["accumulate"],
                tuple(said["order"]),
            )
            found.check()
        except (KeyError, TypeError, ValueError) as error:
            raise TalonFormatError(
                "T303",
                "the record of the arithmetic is damaged",
                expected="what hw.quantize writes into quantization_config",
                found=f"{type(error).__name__}: {error}",
                help="quantise the network again",
            ) from error
        return found

    def check(self) -> None:
        """Raise `ValueError` for what is no arithmetic."""
        words = [
            (self.accumulators.overflow, OVERFLOWS),
            (self.membranes.overflow, OVERFLOWS),
            (self.rounding, ROUNDINGS),
            (self.comparator, ("ge", "gt")),
            (self.accumulate, ACCUMULATIONS),
            (self.order, ORDERS),
        ]
        numbers = [(self.accumulators.bits, MOST_BITS), (self.membranes.bits, MOST_BITS)]
        if self.decay is not None:
            words += [(self.decay.rule, DECAYS), (self.decay.rounding, ROUNDINGS)]
            numbers.append((self.decay.bits, 15))
        for word, known in words:
            if word not in known:
                raise ValueError(f"{word!r} is none of {known}")
        for number, most in numbers:
            if type(number) is not int or not 1 <= number <= most:
                raise ValueError(f"{number!r} bits, not 1 to {most}")


def overflowed(values: np.ndarray, register: Register) -> np.ndarray:
    """The numbers as the register keeps them, the samples of a batch on axis 0. Raises `TalonRunError` (T507) where
    they do not fit a trapping one."""
    low, high = register.low, register.high
    if register.overflow == "saturate":
        return np.asarray(np.clip(values, low, high))
    if register.overflow == "wrap":
        return np.asarray(((values - low) & (high - low)) + low)
    bad = (values < low) | (values > high)
    if bad.any():
        raise TalonRunError(
            "T507",
            f"a sum does not fit a register of {register.bits} bits, which traps",
            expected=f"{low} to {high}",
            found=f"{int(values[bad].flat[0])} in sample {int(bad.nonzero()[0][0])}",
            help="quantise with larger scales, or for a target whose registers saturate",
        )
    return values


def trapped(error: TalonRunError, node: str, step: int) -> TalonRunError:
    """An error of a run, to be raised; one of a register that traps (T507) says where and when, as far as it did not
    yet."""
    said = error.diagnostic
    if error.code == "T507" and said.node is None:
        error.diagnostic = replace(said, message=f"{said.message}, in step {step}", node=node)
    return error


def largest(membranes: Register, resets: np.ndarray, starts: np.ndarray) -> int:
    """The largest size of a membrane: resets and starts go by no register."""
    return max(-membranes.low, *(int(np.abs(values).max()) for values in (resets, starts)))


def held(most: int) -> Any:
    """The type in which membranes are kept between runs: half as wide where that holds them."""
    return np.int32 if most < 2**31 else np.int64


def floor_shift(values: np.ndarray, bits: int) -> np.ndarray:
    return np.asarray(values >> bits)


def rtz_shift(values: np.ndarray, bits: int) -> np.ndarray:
    """Toward zero."""
    return np.asarray(np.sign(values) * (np.abs(values) >> bits))


def half_up_shift(values: np.ndarray, bits: int) -> np.ndarray:
    """To the nearest, halves upward."""
    return np.asarray((values + (1 << bits >> 1)) >> bits)


def half_even_shift(values: np.ndarray, bits: int) -> np.ndarray:
    """To the nearest, halves to the even neighbour."""
    down = values >> bits
    rest, half = values - (down << bits), 1 << bits >> 1
    up = (rest > half) | ((rest == half) & (half > 0) & (down & 1 == 1))
    return np.asarray(down + up)


SHIFTS: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "floor": floor_shift,
    "rtz": rtz_shift,
    "half_even": half_even_shift,
    "half_up": half_up_shift,
}
"""Division by `2 ** bits`, by the word for its rounding."""


def shifted(x: np.ndarray, bits: int, rounding: str) -> np.ndarray:
    """To the left, or with `bits` below 0 to the right."""
    return np.asarray(x << bits) if bits >= 0 else SHIFTS[rounding](x, -bits)


def decayed(v: np.ndarray, factor: np.ndarray, decay: Decay) -> np.ndarray:
    """The membrane after a decay. `factor`: how far to shift, or what to multiply by."""
    if decay.rule == "multiply":
        return SHIFTS[decay.rounding](v * factor, decay.bits)
    lost = np.zeros_like(v)
    for bits in np.unique(factor):
        lost = np.where(factor == bits, SHIFTS[decay.rounding](v, int(bits)), lost)
    if decay.rule == "shift_at_least_1":
        lost = np.where((lost == 0) & (v != 0), np.sign(v), lost)
    return np.asarray(v - lost)


def factor_of(tau: np.ndarray, decay: Decay) -> np.ndarray:
    """The factor of `decayed` that is nearest to `1 - 1 / tau`."""
    tau = np.asarray(tau, np.float64)
    if decay.rule == "multiply":
        lost = np.clip(np.rint((1 << decay.bits) / tau), 1, 1 << decay.bits)
        return np.asarray((1 << decay.bits) - lost, np.int64)
    return np.asarray(np.clip(np.rint(np.log2(tau)), 0, 31), np.int64)


def tau_of(factor: np.ndarray, decay: Decay) -> np.ndarray:
    """The time constant in steps that a factor stands for: `factor_of` gives it back."""
    factor = np.asarray(factor, np.float64)
    if decay.rule == "multiply":
        return np.asarray((1 << decay.bits) / ((1 << decay.bits) - factor), np.float32)
    return np.asarray(np.exp2(factor), np.float32)
