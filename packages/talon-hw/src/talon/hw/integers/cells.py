"""Integer neurons by the C library."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.integers.arithmetic import Arithmetic, Decay, Register, held
from talon.hw.integers.pieces import Cell
from talon.hw.native.library import library
from talon.hw.native.memory import settled
from talon.hw.native.neurons import MembraneOp
from talon.ir.fields import Shape

WORDS = {np.int32: 31, np.int64: 63}
"""What membranes are computed in, the first that is wide enough: bits beside the sign."""


SHORT = 2**15 - 1
"""The largest number of 16 bits."""


class Unproved(Exception):
    """What the C library cannot be trusted with, found in a run: a number that traps, or a membrane out of range."""


class CellOp(MembraneOp):
    """`piece` holds the integers; `word_of` has found the word."""

    def __init__(self, unit: Unit, shape: Shape, last: bool, piece: Cell, numeric: Arithmetic, word: Any) -> None:
        c, node, decay = library(), piece.node, piece.decay
        self.piece, self.word, self.kept_as, self.trapped = piece, word, held(piece.most), c.TRAPPED
        super().__init__(unit, shape, last)
        factor = piece.factor if word is not np.int16 or decay is None else piece.factor << (16 - decay.bits)
        self.period, self.parameters = self.spread([factor, piece.threshold, piece.reset], shape)
        self.how = f"native integer neuron, {np.dtype(word)}"
        late = node.reset_delay == 1 and node.reset != "none"
        self.rule = {"value": 0, "subtract": c.SUBTRACT, "none": c.NO_RESET}[node.reset]
        self.rule |= c.LATE * late | c.GREATER * (node.comparator == "gt")
        self.rule |= c.INPUT_FIRST * (numeric.order[0] == "input") | c.RISES * bool((piece.threshold >= 0).all())
        if word is np.int16:
            alike = piece.factor.min() == piece.factor.max() and piece.reset.min() == piece.reset.max()
            self.rule |= c.ALIKE * alike | c.TWICE * (arriving(piece) > SHORT)
        kept = Register(piece.input_bits, numeric.accumulators.overflow)
        self.numbers = (
            (c.KEEP, 0, c.FLOOR) if decay is None else told_decay(decay),
            (piece.shift, code(numeric.rounding)),
            # A register of 64 bits keeps everything.
            (64 if piece.input_bound <= kept.high else kept.bits, code(kept.overflow)),
            (numeric.membranes.bits, code(numeric.membranes.overflow)),
        )

    def spread(self, parameters: list[np.ndarray], shape: Shape) -> tuple[int, list[np.ndarray]]:
        """Parameters as the library reads them, and after how many neurons they repeat."""
        word = self.word
        # Those that are alike are read once.
        parameters = [p.reshape(-1)[:1] if p.size and (p == p.flat[0]).all() else p for p in parameters]
        if all(p.size == 1 for p in parameters):
            return 0, [np.asarray(p.reshape(()), word) for p in parameters]
        if (
            not self.last
            or len(shape) < 2
            or self.size == shape[0]  # a map of one place: the parameters do not repeat
            or any(p.size not in (1, shape[0]) or p.shape[1:].count(1) < p.ndim - 1 for p in parameters)
        ):
            return self.size, [settled(self.own(np.broadcast_to(p, shape).astype(word))) for p in parameters]
        # Channels lie side by side, and all places have the same.
        period = shape[0]
        channels = [np.broadcast_to(p.reshape(-1), period).astype(word) for p in parameters]
        return period, [settled(np.resize(each, period + library().STRIP)) for each in channels]

    def begin(self) -> None:
        v = self.unit.state["v"]
        # Somebody may have given it, and put anything into it.
        if beyond(v, self.piece.most) or (v != v.astype(self.word)).any():
            raise Unproved
        super().begin()

    def shown(self, v: np.ndarray) -> np.ndarray:
        return np.asarray(v * self.piece.unit.astype(np.float64))

    def heed(self, gave: Any) -> None:
        if gave & self.trapped:
            raise Unproved

    def given(
        self, t: int, v: np.ndarray, y: np.ndarray, trace: np.ndarray | None, spikes: np.ndarray
    ) -> tuple[Any, ...]:
        bits = 8 * self.v.itemsize
        start = (library().CELL, *spikes.shape, self.size, bits, self.rule, self.period, t, *self.numbers)
        return (*start, y, v, trace, spikes, *self.parameters)


def beyond(values: np.ndarray, most: int) -> bool:
    """Whether a number is larger than that, of either sign."""
    return values.size > 0 and max(int(values.max()), -int(values.min())) > most


def code(word: str) -> int:
    """The library's number for a word of the arithmetic."""
    found: int = getattr(library(), word.upper())
    return found


def told_decay(decay: Decay) -> tuple[int, int, int]:
    c = library()
    rule: int = {"shift": c.SHIFT, "shift_at_least_1": c.SHIFT_1, "multiply": c.MULTIPLY}[decay.rule]
    return rule, decay.bits if rule == c.MULTIPLY else 0, code(decay.rounding)


def arriving(piece: Cell) -> int:
    """The largest size of what is added to a membrane."""
    sums: int = min(piece.input_bound, 2 ** (piece.input_bits - 1))
    return sums << piece.shift if piece.shift >= 0 else sums + 2**-piece.shift


def word_of(piece: Cell, numeric: Arithmetic) -> Any:
    """The first word that holds all that is computed on the way, or None."""
    if is_short(piece, numeric):
        return np.int16
    v = piece.most
    factor = int(np.abs(piece.factor).max())
    decaying = v
    if piece.decay is not None:
        decaying = (v + 1) << piece.decay.bits if piece.decay.rule == "multiply" else 2 * v + 2**factor
    most = max(piece.input_bound, arriving(piece) + v, decaying, v + int(np.abs(piece.threshold).max()) + 1)
    return next((word for word, bits in WORDS.items() if most < 2**bits), None)


def is_short(piece: Cell, numeric: Arithmetic) -> bool:
    """Whether the kernel of 16 bits computes these neurons: csrc/short.h."""
    node, decay, sums = piece.node, piece.decay, Register(piece.input_bits, numeric.accumulators.overflow)
    if numeric.order[0] == "input" or node.reset == "none" or node.reset_delay == 1:
        return False
    # Additions of 16 bits saturate, and nothing else.
    if numeric.membranes.overflow != "saturate" or numeric.membranes.bits > 16:
        return False
    # Sums are neither cut by their register nor rounded; those left over at the end of a row are shifted in 32 bits.
    if piece.input_bound > sums.high or not 0 <= piece.shift < 16 or arriving(piece) >= 1 << 30:
        return False
    # What a spike takes from a membrane is no more than it has.
    if int(piece.threshold.min()) < 0:
        return False
    if any(int(np.abs(values).max()) > SHORT for values in (piece.threshold, piece.reset, piece.start)):
        return False
    left = 1 << 15
    if decay is not None:
        factor = int(piece.factor.max())
        if decay.rule != "multiply" or decay.rounding != "rtz" or int(piece.factor.min()) < 0 or factor >> decay.bits:
            return False
        left = left * factor >> decay.bits
    if arriving(piece) <= SHORT:
        return True
    # It is added by halves: of the largest half twice as much takes any membrane to its end.
    half = piece.shift - 1
    return half >= 0 and left + (1 << 15) <= 2 * (SHORT >> half << half)
