"""Field descriptors: what a primitive declares once, and everything else is derived from.

A class attribute of a declaration is a `Field`, a non-data descriptor: values sit in the instance's `__dict__`, and an
array that is absent there is a lazy one, loaded on first access. `talon.ir.declare` has the functions that make them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef, as_array, check_finite_range
from talon.ir.errors import TalonTypeError, TalonValueError, suggest
from talon.ir.values import freeze, same_array, same_value

Shape = tuple[int, ...]


class Missing:
    """The type of `MISSING`, which marks a field without a default."""

    def __repr__(self) -> str:
        return "<required>"


MISSING = Missing()


class Field:
    """One declared field. Subclasses say how a value is taken in (`coerce`) and which values are legal (`check`)."""

    kind = "value"
    is_array = False
    optional = False
    """Whether None is a legal value."""
    free = False
    """Whether values of any type are legal, so that files must say the type of each beside its value."""

    def __init__(
        self,
        *,
        doc: str,
        default: Any = MISSING,
        kw_only: bool = False,
        unit: str | None = None,
        always_stored: bool | None = None,
        stored_as: str | None = None,
    ) -> None:
        self.doc = doc
        self.default = default
        self.kw_only = kw_only
        self.unit = unit
        # Our keyword-only additions are written only when set, so that files keep the published layout.
        self.always_stored = (not kw_only) if always_stored is None else always_stored
        self._stored_as = stored_as
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.load_field(self)

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @cached_property
    def absent(self) -> Any:
        """The value of a field that was not given."""
        return self.coerce(self.default)

    @property
    def key(self) -> str:
        """The name under which files hold the field."""
        return self._stored_as or self.name

    def coerce(self, value: Any) -> Any:
        """Bring a legal value into its one form; raise `TalonTypeError` for another type."""
        raise NotImplementedError(type(self).__name__)

    def plain(self, value: Any) -> Any:
        """The simplest form that `coerce` brings back to `value`, as documents hold it."""
        return value

    def check(self, value: Any) -> None:
        """Raise `TalonValueError` when the value is outside the declared range."""

    def same(self, a: Any, b: Any) -> bool:
        return same_value(a, b)

    def range_text(self) -> str:
        """The legal range in words, for messages and reference pages."""
        return ""

    def none(self, value: None, expected: str) -> None:
        """None, where that is the default."""
        if self.default is not None:
            raise self.wrong_type(value, expected)

    def wrong_type(self, value: Any, expected: str) -> TalonTypeError:
        return TalonTypeError(
            "T204", f"{self.name} takes {expected}", expected=expected, found=f"{type(value).__name__} {value!r:.80}"
        )

    def out_of_range(self, value: Any) -> TalonValueError:
        return TalonValueError("T202", f"{self.name} is out of range", expected=self.range_text(), found=repr(value))


class ArrayField(Field):
    """A numeric array whose axes carry names; equal names must have equal lengths across a primitive's fields.

    `"*step out in"`: the first axis is optional, recognised by rank, and never unified. `shape=None` leaves it free.
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
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.neutral = neutral
        self.optional = optional or self.default is None
        self.shape = shape
        self.low = low
        self.above = above
        axes = (shape or "").split()
        self.step_axis = bool(axes) and axes[0].startswith("*")
        self.axes: tuple[str, ...] = tuple(axes[1:] if self.step_axis else axes)

    def coerce(self, value: Any) -> Any:
        if isinstance(value, ArrayRef):
            return value
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
        return value.reshape(1) if isinstance(value, np.ndarray) and not value.ndim else None


class IntField(Field):
    """A whole number; `dim` ties it to the axis of that name in the array fields."""

    kind = "int"

    def __init__(self, *, low: int | None = None, high: int | None = None, dim: str | None = None, **common: Any):
        super().__init__(**common)
        self.low, self.high, self.dim = low, high, dim

    def coerce(self, value: Any) -> Any:
        return self.none(value, "a whole number") if value is None else as_int(self, value)

    def check(self, value: Any) -> None:
        if value is None:
            return
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise self.out_of_range(value)

    def range_text(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low} to {self.high}"
        return f">= {self.low}" if self.low is not None else "any whole number"


class FloatField(Field):
    kind = "float"

    def __init__(
        self, *, low: float | None = None, high: float | None = None, above: float | None = None, **common: Any
    ) -> None:
        super().__init__(**common)
        self.low, self.high, self.above = low, high, above

    def coerce(self, value: Any) -> Any:
        if value is None:
            return self.none(value, "a number")
        if isinstance(value, (bool, np.bool_, str, bytes)):
            raise self.wrong_type(value, "a number")
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong_type(value, "a number") from None

    def check(self, value: Any) -> None:
        if value is None:
            return
        legal = (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
        )
        if not legal:
            raise self.out_of_range(value)

    def range_text(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.above is not None:
            return f"finite, > {self.above:g}"
        return f"finite, >= {self.low:g}" if self.low is not None else "any finite number"


class BoolField(Field):
    kind = "bool"

    def coerce(self, value: Any) -> Any:
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        raise self.wrong_type(value, "True or False")


class ChoiceField(Field):
    """One of a few words; `aliases` are brought to the word they stand for."""

    kind = "choice"

    def __init__(self, *, options: Sequence[str], aliases: Mapping[str, str] | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.options = tuple(options)
        self.aliases = dict(aliases or {})

    def coerce(self, value: Any) -> Any:
        value = getattr(value, "value", value)  # enum members are accepted for their value
        if not isinstance(value, str):
            raise self.wrong_type(value, self.range_text())
        value = self.aliases.get(value, value)
        if value not in self.options:
            raise TalonValueError(
                "T202",
                f"{self.name} does not know {value!r}",
                expected=self.range_text(),
                found=repr(value),
                help=suggest(value, [*self.options, *self.aliases], "use one of the words above"),
            )
        return value

    def range_text(self) -> str:
        return " or ".join(repr(o) for o in self.options)


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


class TextField(Field):
    kind = "text"

    def coerce(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        raise self.wrong_type(value, "a string or None")


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


def as_int(field: Field, value: Any) -> int:
    if isinstance(value, (bool, np.bool_)):
        raise field.wrong_type(value, "a whole number")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    try:
        return operator.index(value)
    except TypeError:
        raise field.wrong_type(value, "a whole number") from None


def is_sequence(value: Any) -> bool:
    """Whether a value stands for several numbers."""
    return isinstance(value, (list, tuple, range)) or (isinstance(value, np.ndarray) and value.ndim > 0)
