"""Quantised fields: integers with a scale, where a field would hold floats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.csr import CSR
from talon.ir.errors import TalonFormatError, TalonFrozenError, TalonTypeError, TalonValueError
from talon.ir.grouped import Grouped, GroupRef, Parts, grouped, parameters, reference, stored_arrays
from talon.ir.values import brief, read_only, same_array

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


def scale_of(key: str) -> str:
    """The name of the array that holds the scale of a field."""
    return key + SCALE


class Quantized(ArrayRef):
    """The value `integers * scale` of a field, rounded to float32; it stands for the array wherever one is taken.

    `integers`: int8, int16 or int32 of the field's shape, at most `2 ** (bits - 1) - 1` in size (zero point 0); an
    `ir.CSR` of them where the field takes sparse matrices.
    `scale`: positive float32 that broadcasts to that shape: one for all, or `(out, 1, ...)`, one per output channel.
    `bits`: 2 to 32, the width that a target stores. `rule`: `"pow2"` where every scale is a power of two, or `"float"`.

    Immutable. Raises `TalonTypeError` (T204) and `TalonValueError` (T201, T202) for anything else; integers of a file
    are looked at when they are loaded, and are damage (T303) where they need more bits. `where`: their node and field.
    """

    __slots__ = ("bits", "rule", "scale", "source", "where")

    bits: int
    rule: str
    scale: np.ndarray
    source: ArrayRef
    where: tuple[str, str] | None

    def __init__(
        self, integers: Any, scale: Any, bits: int, rule: str = "float", *, where: tuple[str, str] | None = None
    ) -> None:
        there = not isinstance(integers, ArrayRef)
        source = reference(integers if isinstance(integers, (ArrayRef, Grouped)) else np.asarray(integers))
        if source.dtype.name not in INTEGERS:
            raise TalonTypeError(
                "T204", "integers have the wrong type", expected=" or ".join(INTEGERS), found=source.dtype
            )
        if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= MOST_BITS:
            raise TalonValueError("T202", "bits is out of range", expected=f"2 to {MOST_BITS}", found=brief(bits))
        if not isinstance(rule, str) or rule not in RULES:
            raise TalonValueError("T202", "rule is a word", expected=" or ".join(map(repr, RULES)), found=brief(rule))
        super().__init__(np.float32, source.shape, self.values)
        self.source, self.bits, self.rule, self.where = source, bits, rule, where
        self.scale = scaled(scale, self.shape, rule)
        if there or source.held:
            self.integers  # noqa: B018 - they are here, so they are looked at now

    @property
    def kind(self) -> type[Grouped] | None:
        """What else than an array it is."""
        return self.source.kind

    @property
    def integers(self) -> Any:
        """The integers, loaded and checked: an array, or an `ir.CSR`."""
        found = self.source.load()
        self.fitting(parameters(found))
        return found

    @property
    def unread(self) -> ArrayRef:
        """A reference to the integers, checked when they are loaded; those that are here were checked already."""
        source = self.source
        if source.held:
            return source
        if isinstance(source, GroupRef):
            values = source.parts[source.kind.values].then(self.fitting)
            return GroupRef(source.kind, {**source.parts, source.kind.values: values}, source.where)
        return source.then(self.fitting)

    def fitting(self, items: np.ndarray) -> np.ndarray:
        """The integers, when none needs more bits than there are."""
        most = self.most
        if items.size and (int(items.max()) > most or int(items.min()) < -most):
            worst = str(max(int(items.max()), int(items.min()), key=abs))
            what, expected = f"an integer needs more than {self.bits} bits", f"{-most} to {most}"
            if self.where is None:
                raise TalonValueError("T202", what, expected=expected, found=worst)
            node, field = self.where
            raise damaged(node, expected, worst, f"{field!r} is damaged: {what}").at(file=self.file)
        return items

    @property
    def most(self) -> int:
        """The largest integer of this width; the smallest is as far from zero."""
        return int(2 ** (self.bits - 1) - 1)

    def load(self) -> Any:
        """The numbers that the integers stand for: an array, or an `ir.CSR`."""
        values = self.values()
        return values if isinstance(values, Grouped) else read_only(values)

    detached = load

    def values(self) -> Any:
        integers = self.integers
        return integers.scaled(self.scale, product) if isinstance(integers, Grouped) else product(integers, self.scale)

    def detached_all(self) -> Quantized:
        """The same, in no need of the file it came from."""
        integers = reference(own(self.source.detached()))
        try:
            return Quantized(integers, self.scale, self.bits, self.rule, where=self.where)
        except TalonFormatError as error:
            raise error.at(file=self.file) from None

    def same_as(self, other: object) -> bool:
        """Equality of integers, scales and what is said of them."""
        return (
            isinstance(other, Quantized)
            and (self.bits, self.rule, self.shape, self.source.dtype, self.kind)
            == (other.bits, other.rule, other.shape, other.source.dtype, other.kind)
            and same_stored(self.integers, other.integers)
            and same_array(self.scale, other.scale)
        )

    @property
    def file(self) -> str | None:
        return self.source.file

    @property
    def elements(self) -> int:
        return self.source.elements

    @property
    def nbytes(self) -> int:
        """Bytes of integers and scales."""
        return int(self.source.nbytes + self.scale.nbytes)

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise TalonFrozenError(
                "T203", f"a Quantized cannot be changed (tried to set {name!r})", help="make another: ir.Quantized(...)"
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise TalonFrozenError("T203", f"a Quantized cannot be changed (tried to delete {name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        return Quantized, (own(self.integers), self.scale, self.bits, self.rule)

    def __repr__(self) -> str:
        kind = "" if self.kind is None else f"{self.kind.__name__} "
        return f"Quantized({self.bits} bits, {kind}{self.source.dtype}, {self.shape}, {self.rule} scale)"


def product(integers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Integers times scales, float32."""
    # In float64 the product is exact for up to 29 bits, so it is rounded once. One that is too large becomes infinite,
    # which `check()` tells.
    with np.errstate(over="ignore"):
        return np.asarray(integers.astype(np.float64) * scale.astype(np.float64), np.float32)


def own(value: Any) -> Any:
    """A copy that is nobody else's."""
    return value.copy() if isinstance(value, Grouped) else np.array(value)


def same_stored(a: Any, b: Any) -> bool:
    return bool(a.same_as(b)) if isinstance(a, Grouped) else same_array(a, b)


def scaled(scale: Any, shape: tuple[int, ...], rule: str) -> np.ndarray:
    """A scale that fits integers of this shape."""
    found = np.asarray(scale)
    if found.dtype.kind not in "fiu":
        raise TalonTypeError("T204", "scale has the wrong type", expected="float32", found=found.dtype)
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
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
    """Put a quantised field among the arrays and attributes of a stored node. What was not read yet is checked when
    somebody loads it."""
    arrays |= stored_arrays(key, value.unread)
    arrays[scale_of(key)] = ArrayRef.of(value.scale)
    attrs.setdefault(RECORD, {})[key] = {"bits": value.bits, "rule": value.rule}


def scales_of(attrs: Mapping[str, Any]) -> set[str]:
    """The arrays of a stored node that are scales of others."""
    said = attrs.get(RECORD)
    return set(map(scale_of, said)) if isinstance(said, Mapping) else set()


def widths_of(attrs: Mapping[str, Any]) -> list[int]:
    """The bits of each quantised field of a stored node, as far as the record says some."""
    said = attrs.get(RECORD)
    records = said.values() if isinstance(said, Mapping) else ()
    bits = [record.get("bits") for record in records if isinstance(record, Mapping)]
    return [width for width in bits if isinstance(width, int) and 2 <= width <= MOST_BITS]


def from_records(
    attrs: Mapping[str, Any], arrays: Mapping[str, ArrayRef | Parts], node: str
) -> tuple[Mapping[str, Any], Mapping[str, ArrayRef | Parts]]:
    """Attributes and arrays of a stored node, in which quantised fields are arrays again. Raises `TalonFormatError`
    (T303) for a record that does not say what it must."""
    said = attrs.get(RECORD)
    if said is None:
        return attrs, arrays
    plain, found = {k: v for k, v in attrs.items() if k != RECORD}, dict(arrays)
    if not isinstance(said, Mapping):
        raise damaged(node, "a mapping of fields", brief(said))
    for key, record in said.items():
        integers, scale = found.get(key), found.pop(scale_of(key), None)
        if not isinstance(record, Mapping) or set(record) != {"bits", "rule"}:
            raise damaged(node, f"bits and rule of {key!r}", brief(record))
        if isinstance(integers, Parts):
            integers = reference(grouped((CSR,), integers, (node, key)))
        if integers is None or not isinstance(scale, ArrayRef):
            raise damaged(node, f"the arrays {key!r} and {scale_of(key)!r}", ", ".join(arrays) or "none")
        if scale.dtype != np.float32:
            raise damaged(node, f"a scale of {key!r} of float32", str(scale.dtype))
        if math.prod(scale.shape) > math.prod(integers.shape):
            raise damaged(node, f"a scale of {key!r} that is no larger than its integers", f"shape {scale.shape}")
        try:
            found[key] = Quantized(integers, scale.load(), record["bits"], record["rule"], where=(node, key))
        except (TalonTypeError, TalonValueError) as error:
            raise error.at(node=node or None) from None
    return plain, found


def damaged(
    node: str, expected: str, found: str, what: str = "the record of quantised fields is damaged"
) -> TalonFormatError:
    return TalonFormatError(
        "T303",
        what,
        node=node or None,
        expected=expected,
        found=found,
        help="get an undamaged copy, or quantise the network again",
    )
