"""Fields of one value: numbers, flags, words, text."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from talon.ir.errors import TalonValueError, suggest
from talon.ir.fields.base import Field


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


class TextField(Field):
    kind = "text"

    def coerce(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        raise self.wrong_type(value, "a string or None")


def as_int(field: Field, value: Any) -> int:
    if isinstance(value, (bool, np.bool_)):
        raise field.wrong_type(value, "a whole number")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    try:
        return operator.index(value)
    except TypeError:
        raise field.wrong_type(value, "a whole number") from None
