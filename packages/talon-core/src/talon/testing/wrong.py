"""Values that a field must refuse, from its declaration: other types, and what lies beyond its range."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np

from talon.ir.fields import (
    ArrayField,
    BoolField,
    ChoiceField,
    FactorField,
    Field,
    FloatField,
    IntField,
    IntsField,
    TextField,
    TypeField,
)


@singledispatch
def wrong(declared: Field, value: Any) -> Iterator[Any]:
    """Values that a field must refuse, beside a thing of no known type. Register a function for a field of your own.

    `value` is a legal one.
    """
    yield from ()


@wrong.register
def _(declared: IntField, value: Any) -> Iterator[Any]:
    yield from ("1", 1.5)
    if declared.low is not None:
        yield declared.low - 1
    if declared.high is not None:
        yield declared.high + 1


@wrong.register
def _(declared: FloatField, value: Any) -> Iterator[Any]:
    yield from ("1", float("nan"), float("inf"))
    if declared.low is not None:
        yield declared.low - 1
    if declared.above is not None:
        yield declared.above
    if declared.high is not None:
        yield declared.high + 1


@wrong.register
def _(declared: BoolField, value: Any) -> Iterator[Any]:
    yield from (1, "yes")


@wrong.register
def _(declared: ChoiceField, value: Any) -> Iterator[Any]:
    yield "no such word"


@wrong.register
def _(declared: IntsField, value: Any) -> Iterator[Any]:
    yield from ("no such word", declared.low - 1, (1.5,) * (declared.length or 1))
    if declared.length is not None:
        yield (declared.low,) * (declared.length + 1)


@wrong.register
def _(declared: FactorField, value: Any) -> Iterator[Any]:
    yield from ("2", declared.above, float("nan"), (declared.above + 1,) * (declared.length + 1))


@wrong.register
def _(declared: TextField, value: Any) -> Iterator[Any]:
    yield 1


@wrong.register
def _(declared: TypeField, value: Any) -> Iterator[Any]:
    yield from ([0], [-1, 2], [1.5], "3")


@wrong.register
def _(declared: ArrayField, value: Any) -> Iterator[Any]:
    if value is None:
        return
    shape = np.shape(value)
    yield from ("1", np.ones(shape, complex), np.ones((0, *shape)), np.full(shape, np.nan))
    if declared.axes:
        yield np.ones((1, 1, *shape))
    if declared.low is not None:
        yield np.full(shape, declared.low - 1)
    if declared.above is not None:
        yield np.full(shape, declared.above)
