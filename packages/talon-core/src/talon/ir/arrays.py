"""Array values of fields: lazy references, what is accepted, and the legal range."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from talon.ir.errors import TalonTypeError, TalonValueError
from talon.ir.values import read_only, storable_dtype


class There:
    """Gives an array that is there."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __call__(self) -> np.ndarray:
        return self.array


class ArrayRef:
    """An array that is known by dtype and shape and loaded when somebody asks for its values.

    `load()` gives the values; a backend hands in the function that fetches them, or derives a class whose `detached()`
    differs. References pickle by value.
    """

    __slots__ = ("_load", "dtype", "shape")

    @property
    def kind(self) -> type[Any] | None:
        """What it refers to, where that is no array."""
        return None

    def __init__(self, dtype: Any, shape: tuple[int, ...], load: Callable[[], np.ndarray]) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = tuple(int(n) for n in shape)
        self._load = load

    @classmethod
    def of(cls, array: np.ndarray) -> ArrayRef:
        """A reference to an array that is already there."""
        ref = cls.__new__(cls)
        ref.dtype, ref.shape, ref._load = array.dtype, array.shape, There(array)
        return ref

    @classmethod
    def each(cls, arrays: list[np.ndarray]) -> list[ArrayRef]:
        """References to arrays that are there, all of one dtype and shape."""
        found: list[ArrayRef] = []
        for array in arrays:
            ref = cls.__new__(cls)
            ref.dtype, ref.shape, ref._load = arrays[0].dtype, arrays[0].shape, There(array)
            found.append(ref)
        return found

    def load(self) -> np.ndarray:
        array = self._load()
        same = array.dtype is self.dtype or array.dtype.newbyteorder("=") == self.dtype.newbyteorder("=")
        if not same or array.shape != self.shape:
            raise TalonValueError(
                "T305",
                "an array changed behind its reference",
                expected=f"{self.dtype} {self.shape}",
                found=f"{array.dtype} {array.shape}",
            )
        return array if array.dtype.isnative and not array.flags.writeable else read_only(array)

    def detached(self) -> np.ndarray:
        """The values, in no need of the file they came from."""
        return self.load()

    def then(
        self, function: Callable[[np.ndarray], np.ndarray], dtype: Any = None, shape: tuple[int, ...] | None = None
    ) -> ArrayRef:
        """A reference to what `function` makes of the values, once somebody asks for it.

        `dtype`, `shape`: those of the outcome, by default those of this array.
        """
        return Derived(self, function, self.dtype if dtype is None else dtype, self.shape if shape is None else shape)

    @property
    def held(self) -> bool:
        """Whether the array is there already: loading it takes nothing."""
        return isinstance(getattr(self, "_load", None), There)

    @property
    def file(self) -> str | None:
        """The file in which the values are, if that is known."""
        return None

    @property
    def elements(self) -> int:
        """How many parameters it holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * int(self.dtype.itemsize)

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayRef.of, (np.array(self.load()),)

    def __repr__(self) -> str:
        return f"ArrayRef({self.dtype}, {self.shape})"


class Derived(ArrayRef):
    """What a function makes of the array behind another reference."""

    __slots__ = ("function", "source")

    def __init__(
        self, source: ArrayRef, function: Callable[[np.ndarray], np.ndarray], dtype: Any, shape: tuple[int, ...]
    ) -> None:
        super().__init__(dtype, shape, lambda: function(source.load()))
        self.source, self.function = source, function

    def detached(self) -> np.ndarray:
        return ArrayRef(self.dtype, self.shape, lambda: self.function(self.source.detached())).load()


def as_array(name: str, value: Any) -> np.ndarray:
    """A read-only real array of `value`; plain Python whole numbers become floats, arrays keep their dtype."""
    plain = not hasattr(value, "dtype")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TalonTypeError("T204", f"{name} is not a rectangular array", found=str(error)) from None
    if plain and array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if not storable_dtype(array.dtype):
        raise TalonTypeError(
            "T204",
            f"{name} cannot be an array of dtype {array.dtype}",
            expected="float16/32/64, an integer type or bool",
            found=array.dtype,
            help="convert it, for example with .astype(numpy.float32)",
        )
    if array.size == 0:
        raise TalonValueError("T201", f"{name} is empty", expected="every axis >= 1", found=f"shape {array.shape}")
    return read_only(array)


def check_finite_range(name: str, array: np.ndarray, low: float | None, above: float | None) -> None:
    """Raise `TalonValueError` (T205 non-finite, T202 out of range) naming the first offending element."""
    if array.size == 1:
        value = array.item()
        if math.isfinite(value) and (low is None or value >= low) and (above is None or value > above):
            return
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            raise TalonValueError("T205", f"{name} has values that are not finite", found=first(array, ~finite))
    if low is not None and (bad := array < low).any():
        raise TalonValueError("T202", f"{name} is out of range", expected=f">= {low:g}", found=first(array, bad))
    if above is not None and (bad := array <= above).any():
        raise TalonValueError("T202", f"{name} is out of range", expected=f"> {above:g}", found=first(array, bad))


def first(array: np.ndarray, bad: np.ndarray) -> str:
    """How many elements are bad and where the first one stands."""
    index = tuple(int(i) for i in np.argwhere(bad)[0]) if array.ndim else ()
    count = int(np.count_nonzero(bad))
    if array.size == 1:
        return str(array.item())
    return f"{array[index].item()!r} at index {list(index)}, {count} of {array.size} in all"
