"""Array fields: axes with names, and the three forms of a neuron's parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef, as_array, check_finite_range
from talon.ir.csr import CSR, looks_sparse
from talon.ir.errors import TalonValueError
from talon.ir.fields.base import Field, Shape
from talon.ir.grouped import Grouped
from talon.ir.values import same_array


class ArrayField(Field):
    """A numeric array whose axes carry names; equal names must have equal lengths across a primitive's fields.

    `"*step out in"`: the first axis is optional, recognised by rank, and never unified. `shape=None` leaves it free.
    `sparse`: a matrix by rows may stand in place of the array.
    """

    kind = "array"
    is_array = True

    def __init__(
        self,
        shape: str | None,
        *,
        low: float | None = None,
        above: float | None = None,
        optional: bool = False,
        neutral: float | None = None,
        sparse: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.neutral = neutral
        self.kinds: tuple[type[Grouped], ...] = (CSR,) if sparse else ()
        self.optional = optional or self.default is None
        self.shape = shape
        self.low = low
        self.above = above
        axes = (shape or "").split()
        self.step_axis = bool(axes) and axes[0].startswith("*")
        self.axes: tuple[str, ...] = tuple(axes[1:] if self.step_axis else axes)

    def coerce(self, value: Any) -> Any:
        if isinstance(value, ArrayRef):
            if value.kind is not None and value.kind not in self.kinds:
                raise self.wrong_type(value, "an array")
            return value
        if CSR in self.kinds and looks_sparse(value):
            return CSR.of(value)
        if isinstance(value, Grouped):
            raise self.wrong_type(value, "an array")
        if value is None:
            if self.optional:
                return None
            raise self.wrong_type(value, "an array")
        return as_array(self.name, value)

    def strip_step(self, shape: Shape) -> Shape:
        """The shape without its leading step axis, if it has one; raises when the rank is wrong."""
        if self.shape is None:
            return shape
        rank = len(self.axes)
        if self.step_axis and len(shape) == rank + 1:
            return shape[1:]
        if len(shape) != rank:
            axes = ", ".join(self.axes)
            expected = f"{rank} axes ({axes})" + (", or one more in front for the steps" if self.step_axis else "")
            raise TalonValueError(
                "T201", f"{self.name} has the wrong number of axes", expected=expected, found=f"shape {shape}"
            )
        return shape

    def check(self, value: Any) -> None:
        if isinstance(value, CSR):
            value = value.data
        if isinstance(value, np.ndarray):
            check_finite_range(self.name, value, self.low, self.above)

    def published(self, value: Any, dims: Mapping[str, int]) -> np.ndarray | None:
        """What the published package must find in a file, where it cannot take the value as it is: it knows no None."""
        if value is not None or self.neutral is None or not self.axes:
            return None
        return np.full([dims[axis] for axis in self.axes], self.neutral, np.float32)

    @property
    def early(self) -> bool:
        """Whether construction scans the values of a small array; those of weights wait for `check()`."""
        return self.low is not None or self.above is not None

    def same(self, a: Any, b: Any) -> bool:
        if a is None or b is None:
            return a is b
        if isinstance(a, Grouped) or isinstance(b, Grouped):
            return isinstance(a, Grouped) and a.same_as(b)
        return same_array(np.asarray(a), np.asarray(b))

    def range_text(self) -> str:
        if self.low is not None:
            return f"finite, >= {self.low:g}"
        return f"finite, > {self.above:g}" if self.above is not None else "finite"


class PerNeuronField(ArrayField):
    """A parameter of neurons: a scalar (0-d or length 1), one per channel (length C, axis 0 of the sample), or a
    shape of the sample's rank that broadcasts to it."""

    kind = "per-neuron array"

    def __init__(self, **common: Any) -> None:
        super().__init__(None, **common)

    @property
    def early(self) -> bool:
        return True

    def published(self, value: Any, dims: Mapping[str, int]) -> np.ndarray | None:
        if value is None or value.shape:
            return None
        array: np.ndarray = value.load() if isinstance(value, ArrayRef) else value
        return array.reshape(1)
