"""What a node of a quantised graph is to integers: weights that are summed, a neuron, values that are moved.

Values are int64 `(B, *shape)`. Each piece says besides what 1 stands for in its outputs (`unit`) and how large they
can be (`bound`), from which the width that sums need is proved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from talon.hw.integers import matrices
from talon.hw.integers.arithmetic import factor_of, largest
from talon.hw.integers.record import QuantRecord
from talon.ir import exact
from talon.ir.csr import CSR
from talon.ir.errors import TalonRunError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive
from talon.ir.primitives.neurons import LIF, Neuron, spread
from talon.ir.quantized import Quantized

SAME = 1e-5
"""How far apart scales may be, beside themselves: they went through float32."""


class Value(NamedTuple):
    """What is known of the values of a port before anything runs: what 1 stands for, an array that broadcasts to the
    sample, and their largest size. `summed`: sums of an accumulator, which overflow where they leave it."""

    unit: np.ndarray
    bound: int
    summed: bool


@dataclass
class Site:
    """A node to be read: its path, the shapes of its inputs and its (first) output, and what enters each argument."""

    name: str
    node: Any
    shapes: tuple[Shape, ...]
    shape: Shape
    entering: list[Value]
    record: QuantRecord

    def refuse(self, message: str, expected: str, found: str, help: str) -> TalonRunError:
        return TalonRunError("T508", message, node=self.name, expected=expected, found=found, help=help)

    def integers(self, field: str) -> Any:
        """The integers of a quantised field, an array or an `ir.CSR` of int64; a parameter that is 0 needs none."""
        quantised: Quantized | None = self.node.quant.get(field)
        if quantised is not None:
            return quantised.integers.astype(np.int64)
        value = getattr(self.node, field)
        if (np.asarray(value) == 0).all():
            return np.zeros(np.shape(value), np.int64)
        raise self.refuse(
            f"{field} is not quantised",
            "integers with a scale",
            f"floats ({np.asarray(value).dtype})",
            "quantise the whole graph with hw.quantize",
        )

    def refuse_other_scale(self, field: str, unit: np.ndarray) -> None:
        """Raise `TalonRunError` (T508) where a quantised field says of itself that 1 stands for something else than the
        record has it: the node was renamed, or changed, after it was quantised. `unit` broadcasts to the field's."""
        quantised: Quantized | None = self.node.quant.get(field)
        if quantised is None:
            return
        scale, own = np.broadcast_arrays(quantised.scale, unit)
        wrong = np.flatnonzero(np.abs(scale - own) > SAME * np.abs(own))
        if len(wrong):
            raise self.refuse(
                f"{field} has another scale than quantization_config has it in",
                f"1 stands for {own.flat[wrong[0]]:.6g}",
                f"{scale.flat[wrong[0]]:.6g}",
                "quantise the float network again; names and fields of a quantised one belong together",
            )


class Piece:
    """A node as integers compute it; `outs` are what is known of each output."""

    host: ClassVar[bool] = False
    outs: list[Value]

    def values(self, t: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Its outputs at step `t`, where they follow from its inputs alone."""
        return inputs


class Weights(Piece):
    """A layer: exact sums of integer weights times integer inputs, begun at the bias. `clipped`: its inputs are sums
    that may not fit the accumulators."""

    def __init__(self, site: Site) -> None:
        node: Any = site.node
        self.node = node
        (entering,) = site.entering
        # Sums of another layer leave their accumulator on the way here, and are kept to its width.
        register = site.record.arithmetic.accumulators
        self.clipped = entering.summed and entering.bound > register.high
        arriving = min(entering.bound, -register.low) if self.clipped else entering.bound
        self.weight = site.integers("weight")
        self.bias = None if node.bias is None else site.integers("bias")
        outs = node.dims["out"]
        # The largest sum of any output at any step: what can arrive at each weight is at most the bound.
        sums = matrices.sizes(self.weight, outs, node.per_step("weight")) * arriving
        if self.bias is not None:
            bias = self.bias if node.per_step("bias") else self.bias[None]
            sums = sums + np.abs(bias).max(axis=0)
        self.bound = int(sums.max())
        if self.bound >= 2**62:
            raise site.refuse("the sums are too large to prove", "< 2^62", f"{self.bound:.3g}", "use fewer bits")
        unit = site.record.units.get(site.name)
        if unit is None:
            raise site.refuse(
                "nothing says what its sums stand for", "a unit in quantization_config", "none", "quantise it again"
            )
        site.refuse_other_scale("weight", scale_of(node, unit, before(node, site.shapes[0], entering.unit)))
        site.refuse_other_scale("bias", unit)
        along = unit.reshape(-1, *(1,) * (len(site.shape) - 1)) if "in" not in node.dims else unit
        self.shape = site.shape
        self.outs = [Value(along, self.bound, summed=True)]

    def weight_at(self, t: int) -> Any:
        """The weight of step `t`: an array, or an `ir.CSR`."""
        return exact.at_step(self.weight, self.node.per_step("weight"), t)

    @cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """A sparse weight by inputs, as `CSR.by_columns` gives it."""
        return self.weight.by_columns() if isinstance(self.weight, CSR) else None

    def bias_at(self, t: int) -> np.ndarray | None:
        return None if self.bias is None else exact.at_step(self.bias, self.node.per_step("bias"), t)

    @property
    def bits(self) -> int:
        """Bits of an accumulator that holds every sum this layer can make."""
        return 1 + math.ceil(math.log2(self.bound + 1))


def before(node: Any, shape: Shape, unit: np.ndarray) -> np.ndarray:
    """What 1 stands for in the inputs of a layer, `(in,)` or `(channels,)` of a map: those of the first place."""
    whole = np.broadcast_to(unit, shape)
    return np.asarray(whole.reshape(-1, shape[-1])[0] if "in" in node.dims else whole.reshape(shape[0], -1)[:, 0])


def scale_of(node: Any, unit: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The scale of a layer's weights: the unit of its sums, by output, over that of its inputs."""
    axes = len(node.shape_of("weight")) - (1 if node.per_step("weight") else 0)
    per_out = unit.astype(np.float64).reshape(-1, *(1,) * (axes - 1))
    if (before == before[0]).all():
        scale = per_out / before[0]
    elif "in" in node.dims:
        scale = per_out / before
    else:
        each = np.repeat(before.reshape(node.group_count, -1), node.dims["out"] // node.group_count, axis=0)
        scale = per_out / each.reshape(*each.shape, *(1,) * (axes - 2))
    return np.asarray(scale, np.float32)


class Cell(Piece):
    """A neuron: an integer membrane that decays, takes its input, is compared and reset."""

    most: int
    """The largest size of a membrane."""

    def __init__(self, site: Site) -> None:
        node = site.node
        assert isinstance(node, Neuron)
        (entering,) = site.entering
        rank = len(site.shape)
        numeric = site.record.arithmetic
        self.node = node
        if node.comparator != numeric.comparator:
            raise site.refuse(
                "it compares otherwise than the arithmetic",
                repr(numeric.comparator),
                repr(node.comparator),
                "quantise it again for this target",
            )
        self.threshold = spread(site.integers("v_threshold"), rank)
        self.reset = spread(site.integers("v_reset"), rank)
        self.start = spread(site.integers("v_init"), rank)
        self.factor, self.decay = np.zeros((), np.int64), None
        if isinstance(node, LIF):
            self.decay = numeric.decay
            if self.decay is None:
                raise site.refuse("the target's membranes do not decay", "IF", "LIF", "use IF, or another target")
            self.factor = spread(factor_of(node.tau, self.decay), rank)
        self.shift = site.record.shifts.get(site.name, 0)
        self.unit = np.broadcast_to(entering.unit, site.shape) / np.float32(2.0**self.shift)
        for field in ("v_threshold", "v_reset", "v_init"):
            site.refuse_other_scale(field, units_of(node.quant.get(field), self.unit))
        refuse_gain(site, rank)
        self.input_bound = entering.bound
        self.input_bits = site.record.accumulator_bits.get(site.name, numeric.accumulators.bits)
        self.most = largest(numeric.membranes, self.reset, self.start)
        self.outs = [Value(np.ones((), np.float32), 1, summed=False)]


def units_of(quantised: Quantized | None, unit: np.ndarray) -> np.ndarray:
    """What 1 stands for in the places of a neuron's parameter, which may be one for each channel of a map."""
    channels = quantised is not None and quantised.scale.ndim == 1 < unit.ndim
    return unit.reshape(len(unit), -1)[:, 0] if channels else unit


def refuse_gain(site: Site, rank: int) -> None:
    """Raise `TalonRunError` (T508) for a neuron that has a gain or a leak of its own: integers have none."""
    node = site.node
    gain = 1.0 if "tau" not in node.fields else spread(node.tau, rank)
    leak = 0.0 if "tau" not in node.fields else node.v_leak
    if (spread(node.r, rank) != gain).any() or np.any(leak != 0):
        raise site.refuse(
            "it has a gain or a leak that is in no weights",
            "r=1" if "tau" not in node.fields else "r=tau and v_leak=0",
            "others",
            "change the float network, and quantise that again: it brings both into the weights before the neuron",
        )


class Moved(Piece):
    """Values that change their places, or of which the largest is taken: the numpy step computes them as they are."""

    def __init__(self, site: Site) -> None:
        self.node: Primitive = site.node
        shapes = [site.shapes[0]] * len(site.entering) if len(site.shapes) < len(site.entering) else site.shapes
        units = [np.broadcast_to(v.unit, s)[None] for v, s in zip(site.entering, shapes, strict=True)]
        bound, summed = max(value.bound for value in site.entering), any(value.summed for value in site.entering)
        found = self.step(0, *[unit.astype(np.float64) for unit in units])
        least = self.step(0, *[-unit.astype(np.float64) for unit in units])
        if any((a != -b).any() for a, b in zip(found, least, strict=True)):
            raise site.refuse(
                "it compares values of different units", "one unit in every window", "several", "pool before you join"
            )
        self.outs = [Value(np.asarray(unit[0], np.float32), bound, summed) for unit in found]

    def step(self, t: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        result = self.node.step(t, {}, *inputs)
        return result if isinstance(result, tuple) else (result,)

    def values(self, t: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        # In float64 every integer of up to 53 bits is itself.
        found = self.step(t, *[x.astype(np.float64) for x in inputs])
        return tuple([np.asarray(value).astype(np.int64) for value in found])


class Summed(Piece):
    """Windows of which a mean would be taken: their sums, so that 1 stands for less."""

    def __init__(self, site: Site) -> None:
        self.node: Any = site.node
        (entering,) = site.entering
        self.divisor = divisor(self.node, site.shapes[0], site.name)
        # A border of zeros is 0 in every unit.
        windows = self.node.windows(np.broadcast_to(entering.unit, site.shapes[0])[None].astype(np.float64), np.nan)
        unit, least = np.nanmax(windows, axis=0)[0], np.nanmin(windows, axis=0)[0]
        if (unit != least).any():
            raise site.refuse(
                "it adds values of different units", "one unit in every window", "several", "pool before you join"
            )
        unit = (unit / self.divisor).astype(np.float32)
        self.outs = [Value(unit, entering.bound * self.divisor, entering.summed)]

    def values(self, t: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (x,) = inputs
        total = sum(self.node.windows(x.astype(np.float64), 0.0))
        return (np.asarray(total, np.int64),)


def divisor(node: Any, shape: Shape, path: str) -> int:
    """What the sums of all windows are divided by. Raises `TalonRunError` (T508) where they differ in that."""
    divisors = np.unique(node.divisors(shape[1:]))
    if len(divisors) > 1:
        raise TalonRunError(
            "T508",
            "its windows are of different sizes",
            node=path,
            expected="the same divisor everywhere",
            found=f"{divisors.min()} to {divisors.max()}",
            help="leave out padding and ceil_mode, or use count_include_pad=True",
        )
    return int(divisors[0])


class Passed(Piece):
    """One input, handed on."""

    def __init__(self, site: Site) -> None:
        self.outs = [site.entering[0]]


class OnHost(Piece):
    """What no core computes: it runs in float on the host, on what the integers stand for."""

    host = True

    def __init__(self, site: Site) -> None:
        self.outs = []


def skip(site: Site) -> Piece:
    return Passed(site) if site.node.identity else Moved(site)


PIECES: dict[str, Callable[[Site], Piece]] = {
    **dict.fromkeys(("Affine", "SpikingAffine", "Conv1d", "Conv2d", "SConv", "SDConv"), Weights),
    **dict.fromkeys(("LIF", "IF"), Cell),
    **dict.fromkeys(("MaxPool2d", "Flatten", "Concat", "ChannelSplit", "Upsample"), Moved),
    "AvgPool2d": Summed,
    "Skip": skip,
    **dict.fromkeys(("Output", "HybridRegion", "Dropout"), Passed),
}
"""What integers make of a primitive, by its name; all others run on the host."""
HOSTED: dict[str, Callable[[Any], bool]] = {"Upsample": lambda node: bool(node.mode != "nearest")}
"""And of these primitives the nodes for which this holds."""


def on_host(node: Any) -> bool:
    """Whether no core computes a node, whatever enters it."""
    kind = node.type_name
    return kind not in PIECES or (kind in HOSTED and HOSTED[kind](node))
