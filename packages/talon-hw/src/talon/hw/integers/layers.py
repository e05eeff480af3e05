"""Layers of integers by the C library: narrow weights, and sums as wide as is proved to hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon.hw.integers import matrices
from talon.hw.integers.pieces import Weights
from talon.hw.integers.stepwise import EXACT
from talon.hw.native.affine import AffineOp
from talon.hw.native.convolution import ConvolutionOp
from talon.hw.native.layers import F32, Kind, Layer
from talon.hw.native.library import library
from talon.hw.native.lowering import Site
from talon.hw.native.memory import settled
from talon.hw.native.sparse import SparseOp
from talon.ir.csr import CSR


class Whole(Layer):
    """A layer whose weights are integers, those of its piece."""

    piece: Weights

    def weight_at(self, t: int) -> np.ndarray:
        found: np.ndarray = self.piece.weight_at(t).astype(self.types.weight)
        return found

    def bias_at(self, t: int) -> np.ndarray | None:
        bias = self.piece.bias_at(t)
        return None if bias is None else bias.astype(self.types.sums)

    @property
    def how(self) -> str:  # type: ignore[override]
        return f"{super().how}, {self.types_told}"

    @property
    def types_told(self) -> str:
        return f"{self.types.weight.__name__} in {self.types.sums.__name__}"


KINDS = (
    Kind("I8_I16", np.int8, np.int16, 2),
    Kind("I16_I32", np.int16, np.int32),
    # Whole numbers, of which the sums are exact as long as they stay below 24 bits.
    F32,
)
"""From the fastest on."""


def kinds_for(piece: Weights, entering: int) -> list[Kind]:
    """Those that hold the weights and all sums of a layer, whose inputs are at most `entering` in size."""
    weight = matrices.most(piece.weight)
    most = max(piece.bound, entering)
    return [kind for kind in KINDS if weight <= largest(kind.weight) and most <= largest(kind.sums)]


def largest(dtype: Any) -> int:
    """Up to this size every whole number is one of the type."""
    return EXACT if dtype is np.float32 else int(np.iinfo(dtype).max)


class WholeAffine(Whole, AffineOp):
    kind = "integer affine"


class WholeConvolution(Whole, ConvolutionOp):
    kind = "integer convolution"
    whole = True
    fits = False
    """Whether patches of 16 bits hold all sums."""
    narrow: np.ndarray | None = None

    def narrowed(self, runs: np.ndarray) -> np.ndarray | None:
        if self.narrow is None and self.fits:
            self.narrow = settled(runs.astype(np.int16))
        return self.narrow


class WholeSparse(Whole, SparseOp):
    kind = "integer sparse affine"

    held_as: Any = np.float32
    """Of the weights."""

    def by_inputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert self.piece.columns is not None
        ends, outputs, values = self.piece.columns
        return ends, outputs, values.astype(self.held_as)

    @property
    def types_told(self) -> str:
        whole = self.held_as is np.int16
        return f"int16 in int{self.sum_bits}" if whole else super().types_told


def layer(site: Site, piece: Weights, entering: int) -> Layer | None:
    """None where no kernel holds the numbers."""
    kinds, most = kinds_for(piece, entering), max(piece.bound, entering)
    matrix, sparse = "in" in site.unit.node.dims, isinstance(piece.weight, CSR)
    op: WholeAffine | WholeSparse | WholeConvolution
    if matrix and not sparse and kinds:
        op = WholeAffine(site.unit, site.options)
        op.types = kinds[0]
    elif F32 not in kinds:
        return None
    elif matrix:
        op = WholeSparse(site.unit, site.options)
        if matrices.most(piece.weight) <= largest(np.int16):
            op.held_as = np.int16
            op.sum_bits = 16 if most <= largest(np.int16) else 32
    else:
        op = WholeConvolution(site.unit, site.shapes, site.options)
        # Places of fewer channels are too short for it to be faster.
        wide = op.node.dims["out"] % (library().WIDE // 2) == 0
        op.fits = wide and op.patches and op.steps_alike and most <= largest(np.int16)
    op.piece = piece
    return op
