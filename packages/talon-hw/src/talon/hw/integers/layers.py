"""Layers of integers by the C library: whole numbers in float32, which are exact as long as no sum leaves 24 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon.hw.integers.pieces import Weights
from talon.hw.native.affine import AffineOp
from talon.hw.native.convolution import ConvolutionOp
from talon.hw.native.layers import Layer
from talon.hw.native.lowering import Site
from talon.ir.csr import CSR


class Whole(Layer):
    """A layer whose weights are integers, those of its piece."""

    piece: Weights

    def weight_at(self, t: int) -> np.ndarray:
        return self.piece.weight_at(t).astype(np.float32)

    def bias_at(self, t: int) -> np.ndarray | None:
        bias = self.piece.bias_at(t)
        return None if bias is None else bias.astype(np.float32)


class WholeAffine(Whole, AffineOp):
    kind = "integer affine"


class WholeConvolution(Whole, ConvolutionOp):
    kind = "integer convolution"


def layer(site: Site, piece: Weights) -> Layer | None:
    """None for a sparse weight, of which the plan has made a dense one."""
    node: Any = site.unit.node
    op: WholeAffine | WholeConvolution
    if "in" not in node.dims:
        op = WholeConvolution(site.unit, site.shapes, site.options)
    elif isinstance(node.weight, CSR):
        return None
    else:
        op = WholeAffine(site.unit, site.options)
    op.piece = piece
    return op
