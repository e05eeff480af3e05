"""Fields of several values: tuples of numbers, sample shapes, and metadata of any kind."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from talon.ir.fields.base import Field
from talon.ir.fields.plain import as_int
from talon.ir.values import freeze


class IntsField(Field):
    """A tuple of whole numbers: of fixed `length` (one number is repeated) or of any length when `length` is None."""

    kind = "ints"

    def __init__(self, *, length: int | None = None, low: int = 0, words: Sequence[str] = (), **common: Any) -> None:
        super().__init__(**common)
        self.length, self.low, self.words = length, low, tuple(words)

    def coerce(self, value: Any) -> Any:
        if value is None:
            return self.none(value, self.expected())
        if isinstance(value, str) and value in self.words:
            return value
        if isinstance(value, (str, bytes)):
            raise self.wrong_type(value, self.expected())
        if not is_sequence(value):
            number = as_int(self, value)
            return (number,) * (self.length or 1)
        items = tuple(as_int(self, v) for v in value)
        if self.length is not None and len(items) != self.length:
            raise self.wrong_type(value, self.expected())
        return items

    def plain(self, value: Any) -> Any:
        return value[0] if self.length == 1 and isinstance(value, tuple) else value

    def check(self, value: Any) -> None:
        if isinstance(value, tuple) and (not value or min(value) < self.low):
            raise self.out_of_range(value)

    def expected(self) -> str:
        many = f"{self.length} whole numbers or one for all" if self.length else "whole numbers"
        return many + "".join(f" or {w!r}" for w in self.words)

    def range_text(self) -> str:
        return f"each >= {self.low}" + "".join(f", or {w!r}" for w in self.words)


class FactorField(Field):
    """One number for all axes or `length` of them, kept as given; None where None is the default."""

    kind = "factor"

    def __init__(self, *, length: int, above: float, **common: Any) -> None:
        super().__init__(**common)
        self.length, self.above = length, above

    def coerce(self, value: Any) -> Any:
        if value is None:
            return None
        if not is_sequence(value):
            return self._number(value)
        if len(value) != self.length:
            raise self.wrong_type(value, self.expected())
        numbers = tuple(self._number(v) for v in value)
        return numbers if all(isinstance(n, int) for n in numbers) else tuple(map(float, numbers))

    def _number(self, value: Any) -> float:
        """A whole number stays one (2 and 2.0 mean the same, but files keep what was given)."""
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return operator.index(value)
        if isinstance(value, (float, np.floating, Fraction)) or (isinstance(value, np.ndarray) and not value.ndim):
            return float(value)
        raise self.wrong_type(value, self.expected())

    def expected(self) -> str:
        return f"{self.length} numbers or one for all"

    def check(self, value: Any) -> None:
        items = () if value is None else value if isinstance(value, tuple) else (value,)
        if not all(math.isfinite(v) and v > self.above for v in items):
            raise self.out_of_range(value)

    def range_text(self) -> str:
        return f"finite, > {self.above:g}"


class MappingField(Field):
    """Free metadata (see `talon.ir.values.freeze` for what it may hold); absent means empty."""

    kind = "mapping"
    free = True

    def coerce(self, value: Any) -> Any:
        if value is None:
            return freeze({}, self.name) if self.default is not None else None
        if not isinstance(value, Mapping):
            raise self.wrong_type(value, "a dict")
        return freeze(value, self.name)


class ValueField(Field):
    """Any storable value, kept and given back, with no effect of its own."""

    kind = "any"
    free = True

    def coerce(self, value: Any) -> Any:
        return freeze(value, self.name)


class TypeField(Field):
    """The declared shape of one sample at a node's ports: `{"input": array([...])}`; a bare shape names one port."""

    kind = "shape"
    optional = True

    def __init__(self, *, port: str, **common: Any) -> None:
        super().__init__(**common)
        self.port = port

    def coerce(self, value: Any) -> Any:
        if value is None:
            return None
        items = value if isinstance(value, Mapping) else {self.port: value}
        return freeze({str(k): self._shape(v) for k, v in items.items()}, self.name)

    def plain(self, value: Any) -> Any:
        return value[self.port] if value is not None and list(value) == [self.port] else value

    def _shape(self, value: Any) -> np.ndarray:
        try:
            array = np.atleast_1d(np.asarray(value))
        except ValueError:  # lists of unequal lengths
            array = np.empty((0, 0))
        if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
            raise self.wrong_type(value, "the axis lengths of one sample, such as [3, 32, 32]")
        return array.astype(np.int64)

    def check(self, value: Any) -> None:
        for shape in (value or {}).values():
            if shape.size and shape.min() < 1:
                raise self.out_of_range(tuple(shape.tolist()))

    def range_text(self) -> str:
        return "axis lengths >= 1, without batch and time"


def is_sequence(value: Any) -> bool:
    """Whether a value stands for several numbers."""
    return isinstance(value, (list, tuple, range)) or (isinstance(value, np.ndarray) and value.ndim > 0)
