"""Quantised fields: integers with a scale, where a field would hold floats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef, Held
from talon.ir.errors import TalonFormatError, TalonTypeError, TalonValueError
from talon.ir.values import read_only

RULES = ("pow2", "float")
"""What a scale may be: a power of two, or any positive number."""
INTEGERS = ("int8", "int16", "int32")
MOST_BITS = 32
RECORD = "quant"
"""The attribute of a stored node that says what each quantised field is: field -> bits and rule."""
TYPE = "Quantized:"
"""Before the type of a node with such fields in the tree of an HDF5 file, so that the published package, which would
compute with the integers, refuses it."""
SCALE = "_scale"
"""Behind the name of a quantised field, the name of the array that holds its scale."""


class Quantized(ArrayRef):
    """The value `integers * scale` of a field, rounded to float32; it stands for the array wherever one is taken.

    `integers`: int8, int16 or int32 of the field's shape, at most `2 ** (bits - 1) - 1` in size (zero point 0).
    `scale`: positive float32 that broadcasts to that shape: one for all, or `(out, 1, ...)`, one per output channel.
    `bits`: 2 to 32, the width that a target stores. `rule`: `"pow2"` where every scale is a power of two, or `"float"`.

    Raises `TalonTypeError` (T204) and `TalonValueError` (T201, T202) for anything else; integers of a file are looked
    at when they are loaded.
    """

    __slots__ = ("bits", "rule", "scale", "source")

    def __init__(self, integers: Any, scale: Any, bits: int, rule: str = "float") -> None:
        if not isinstance(integers, ArrayRef):
            integers = ArrayRef.of(np.asarray(integers))
        if integers.dtype.name not in INTEGERS:
            raise TalonTypeError(
                "T204", "integers have the wrong type", expected=" or ".join(INTEGERS), found=integers.dtype
            )
        if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= MOST_BITS:
            raise TalonValueError("T202", "bits is out of range", expected=f"2 to {MOST_BITS}", found=repr(bits))
        if rule not in RULES:
            raise TalonValueError("T202", "rule is a word", expected=" or ".join(map(repr, RULES)), found=repr(rule))
        self.source: ArrayRef = integers
        self.bits, self.rule = bits, rule
        self.scale = scaled(scale, integers.shape, rule)
        super().__init__(np.float32, integers.shape, self.values)
        if isinstance(integers, Held):
            self.integers  # noqa: B018 - they are here, so they are looked at now

    @property
    def integers(self) -> np.ndarray:
        """The integers, loaded and checked."""
        found = self.source.load()
        most = self.most
        if found.size and (int(found.max()) > most or int(found.min()) < -most):
            worst = max(int(found.max()), int(found.min()), key=abs)
            raise TalonValueError(
                "T202", f"an integer needs more than {self.bits} bits", expected=f"{-most} to {most}", found=str(worst)
            )
        return found

    @property
    def most(self) -> int:
        """The largest integer of this width; the smallest is as far from zero."""
        return int(2 ** (self.bits - 1) - 1)

    def values(self) -> np.ndarray:
        """The numbers that the integers stand for, float32."""
        # The product in float64 is exact for up to 29 bits, so it is rounded once.
        product = self.integers.astype(np.float64) * self.scale.astype(np.float64)
        return np.asarray(product, np.float32)

    def detached_all(self) -> Quantized:
        """The same, in no need of the file it came from."""
        return Quantized(np.array(self.source.detached()), self.scale, self.bits, self.rule)

    def part(self, index: Any) -> Quantized:
        """A slice of it."""
        scale = np.broadcast_to(self.scale, self.shape)[index]
        return Quantized(self.integers[index], scale, self.bits, self.rule)

    def same_as(self, other: object) -> bool:
        """Equality of integers, scales and what is said of them."""
        return (
            isinstance(other, Quantized)
            and (self.bits, self.rule, self.shape, self.source.dtype)
            == (other.bits, other.rule, other.shape, other.source.dtype)
            and np.array_equal(self.integers, other.integers)
            and self.scale.shape == other.scale.shape
            and np.array_equal(self.scale, other.scale)
        )

    @property
    def nbytes(self) -> int:
        """Bytes of integers and scales."""
        return int(self.source.nbytes + self.scale.nbytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return Quantized, (np.array(self.integers), self.scale, self.bits, self.rule)

    def __repr__(self) -> str:
        return f"Quantized({self.bits} bits, {self.source.dtype}, {self.shape}, {self.rule} scale)"


def scaled(scale: Any, shape: tuple[int, ...], rule: str) -> np.ndarray:
    """A scale that fits integers of this shape."""
    found = np.asarray(scale)
    if found.dtype.kind not in "fiu":
        raise TalonTypeError("T204", "scale has the wrong type", expected="float32", found=found.dtype)
    found = found.astype(np.float32)
    try:
        fits = np.broadcast_shapes(found.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise TalonValueError(
            "T201", "scale does not fit the integers", expected=f"a shape that broadcasts to {shape}", found=found.shape
        )
    if not (np.isfinite(found) & (found > 0)).all():
        bad = found[~(np.isfinite(found) & (found > 0))].flat[0]
        raise TalonValueError("T202", "scale is out of range", expected="finite, > 0", found=str(bad))
    if rule == "pow2" and (np.frexp(found)[0] != 0.5).any():
        bad = found[np.frexp(found)[0] != 0.5].flat[0]
        raise TalonValueError("T202", "scale is no power of two", expected="2 ** n, or rule 'float'", found=str(bad))
    return read_only(found)


def to_records(key: str, value: Quantized, arrays: dict[str, ArrayRef], attrs: dict[str, Any]) -> None:
    """Put a quantised field among the arrays and attributes of a stored node."""
    arrays[key] = value.source
    arrays[key + SCALE] = ArrayRef.of(value.scale)
    attrs.setdefault(RECORD, {})[key] = {"bits": value.bits, "rule": value.rule}


def from_records(
    attrs: Mapping[str, Any], arrays: Mapping[str, ArrayRef], node: str
) -> tuple[dict[str, Any], dict[str, ArrayRef]]:
    """Attributes and arrays of a stored node, in which quantised fields are arrays again. Raises `TalonFormatError`
    (T303) for a record that does not say what it must."""
    said = attrs.get(RECORD)
    if said is None:
        return dict(attrs), dict(arrays)
    plain, found = {k: v for k, v in attrs.items() if k != RECORD}, dict(arrays)
    if not isinstance(said, Mapping):
        raise damaged(node, "a mapping of fields", f"{said!r:.80}")
    for key, record in said.items():
        integers, scale = found.get(key), found.pop(f"{key}{SCALE}", None)
        if not isinstance(record, Mapping) or set(record) != {"bits", "rule"}:
            raise damaged(node, f"bits and rule of {key!r}", f"{record!r:.80}")
        if integers is None or scale is None:
            raise damaged(node, f"the arrays {key!r} and {key + SCALE!r}", ", ".join(arrays) or "none")
        if math.prod(scale.shape) > math.prod(integers.shape):
            raise damaged(node, f"a scale of {key!r} that is no larger than its integers", f"shape {scale.shape}")
        try:
            found[key] = Quantized(integers, scale.load(), record["bits"], record["rule"])
        except (TalonTypeError, TalonValueError) as error:
            raise error.at(node=node or None) from None
    return plain, found


def damaged(node: str, expected: str, found: str) -> TalonFormatError:
    return TalonFormatError(
        "T303",
        "the record of quantised fields is damaged",
        node=node or None,
        expected=expected,
        found=found,
        help="get an undamaged copy, or quantise the network again",
    )
