"""From the head's distributions to boxes in pixels: channels first, what follows the boxes passes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from talon.ir import exact
from talon.ir.declare import OptionalArray, array, choice, integer, number
from talon.ir.errors import TalonShapeError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive, Tally
from talon.ir.primitives.activation import softmax

SIDES = 4
"""Left, top, right, bottom."""


class DFLDecode(Primitive):
    """The first `4 reg_max` channels (side by side l, t, r, b) become four distances, each the expectation of
    `dfl_weights` under the softmax of its bins; the other channels pass through: `(4 + nc, ...)`.

    Li et al., Generalized Focal Loss, arXiv 2006.04388. One bin without `dfl_weights` passes through as it is.
    """

    known_as = {"ultralytics": "DFL, here beside the channels that follow"}
    usage = ("ir.DFLDecode(reg_max=4)", [(18, 4, 4)])

    reg_max: int = integer(doc="bins of one distance", low=1, dim="bins")
    dfl_weights: OptionalArray = array(
        "bins", doc="value of each bin, None for 0, 1, 2, ...", unit="cells", default=None
    )

    @property
    def direct(self) -> bool:
        """Whether the channels are distances already."""
        return self.reg_max == 1 and self.shape_of("dfl_weights") is None

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape, distributions = inputs[0], SIDES * self.reg_max
        if shape is None:
            return None
        if not shape or shape[0] < distributions:
            raise TalonShapeError(
                "T104",
                "there are too few channels for reg_max",
                expected=f"at least {distributions} channels (4 sides of reg_max = {self.reg_max} bins)",
                found=f"a sample of shape {shape}",
            )
        return (SIDES + shape[0] - distributions, *shape[1:])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        if self.direct:
            return x
        bins = self.reg_max
        logits = x[:, : SIDES * bins].reshape(x.shape[0], SIDES, bins, *x.shape[2:])
        values = np.arange(bins, dtype=x.dtype) if self.dfl_weights is None else self.dfl_weights
        chances = np.moveaxis(softmax(logits, 2), 2, 0)
        distances = exact.ordered_sum(chances * values.reshape(-1, *(1,) * (chances.ndim - 1)))
        return np.concatenate([distances, x[:, SIDES * bins :]], axis=1)

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> Tally:
        (x,) = inputs
        cells = x[0, 0].size
        return {} if self.direct else {"macs": SIDES * self.reg_max * cells}


class Dist2BBox(Primitive):
    """Distances `l, t, r, b` from each cell's anchor `(column + offset, row + offset)` become boxes, times `stride`.

    Input and output `(4 + nc, height, width)`; what follows the four channels passes through. `"xywh"` is centre and
    size, `"xyxy"` two corners.
    """

    known_as = {"ultralytics": "dist2bbox with make_anchors"}
    usage = ("ir.Dist2BBox(stride=8)", [(6, 4, 4)])

    stride: int = integer(doc="size of one cell", unit="pixels", low=1)
    offset: float = number(
        doc="place of the anchor in its cell; files of the published package mean 0",
        unit="cells",
        default=0.5,
        kw_only=True,
        always_stored=True,
    )
    box_format: Literal["xywh", "xyxy"] = choice(
        ("xywh", "xyxy"), doc="centre and size, or two corners", default="xywh", kw_only=True
    )

    def published_meaning(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        return {"offset": 0.0}

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is not None and (len(shape) != 3 or shape[0] < SIDES):
            raise TalonShapeError(
                "T104",
                "boxes are made from a map of four distances",
                expected=f"(channels, height, width) with at least {SIDES} channels",
                found=f"a sample of shape {shape}",
            )
        return shape

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        height, width = x.shape[2:]
        offset, stride, two = (x.dtype.type(v) for v in (self.offset, self.stride, 2))
        column = np.arange(width, dtype=x.dtype) + offset
        row = (np.arange(height, dtype=x.dtype) + offset)[:, None]
        left, top, right, bottom = (x[:, side] for side in range(SIDES))
        x1, y1, x2, y2 = column - left, row - top, column + right, row + bottom
        box = [x1, y1, x2, y2]
        if self.box_format == "xywh":
            box = [(x1 + x2) / two, (y1 + y2) / two, x2 - x1, y2 - y1]
        return np.concatenate([np.stack(box, axis=1) * stride, x[:, SIDES:]], axis=1)
