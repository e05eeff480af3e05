"""Values of fields that are groups of named arrays, such as sparse matrices: in a record each array has a name of its
own, `weight/indices`, and in a file a place of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Container, Mapping
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonError, TalonFormatError

BETWEEN = "/"
"""What stands between the name of a field and that of a part."""


class Grouped(ABC):
    """A value that is said by several arrays. What is asked of an array is asked of it too: dtype, shape, nbytes."""

    __slots__ = ()

    names: ClassVar[tuple[str, ...]]
    """The names of the parts, in the order in which files hold them."""
    values: ClassVar[str]
    """The part whose items are parameters; the others say where they belong."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @abstractmethod
    def parts(self) -> dict[str, np.ndarray]:
        """The arrays by name."""

    @classmethod
    @abstractmethod
    def of_parts(cls, parts: Mapping[str, np.ndarray]) -> Self:
        """The value that these arrays say. Raises `TalonValueError` where they say none."""

    @classmethod
    @abstractmethod
    def shape_of_parts(cls, parts: Mapping[str, ArrayRef]) -> tuple[int, ...]:
        """The shape of the value, from small parts and the sizes of others. Raises as `of_parts`."""

    @abstractmethod
    def astype(self, dtype: Any) -> Self:
        """A value of another dtype that shares no values with this one."""

    @abstractmethod
    def scaled(self, scale: np.ndarray, product: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Self:
        """A value whose parameters are `product(parameters, scales)`; the scale broadcasts to the shape."""

    @abstractmethod
    def copy(self) -> Self:
        """A value that shares no array with this one."""

    @abstractmethod
    def same_as(self, other: object) -> bool:
        """Equality to the bit."""


class GroupRef(ArrayRef):
    """A value that is known by its parts, which are loaded when somebody asks for it. `where`: node and field."""

    __slots__ = ("_kind", "parts", "where")

    @property
    def kind(self) -> type[Grouped]:
        """What the parts make."""
        return self._kind

    def __init__(self, kind: type[Grouped], parts: Mapping[str, ArrayRef], where: tuple[str, str] = ("", "")) -> None:
        self._kind: type[Grouped] = kind
        self.where = where
        self.parts = {name: parts[name] for name in kind.names}
        self.dtype = parts[kind.values].dtype
        self.shape = self.guarded(parts, kind.shape_of_parts)

    @classmethod
    def to(cls, value: Grouped) -> GroupRef:
        """A reference to a value that is already there."""
        return cls(type(value), {name: ArrayRef.of(array) for name, array in value.parts().items()})

    def load(self) -> Any:
        return self.guarded({name: ref.load() for name, ref in self.parts.items()}, self.kind.of_parts)

    def detached(self) -> Any:
        return self.guarded({name: ref.detached() for name, ref in self.parts.items()}, self.kind.of_parts)

    def guarded(self, parts: Any, function: Any) -> Any:
        """What a function makes of the parts; that they do not fit together is told as damage."""
        try:
            return function(parts)
        except TalonFormatError:
            raise
        except TalonError as error:
            node, field = self.where
            d = error.diagnostic
            raise TalonFormatError(
                "T303",
                f"the arrays of {field!r} do not fit together: {d.message}",
                file=self.file,
                node=node or None,
                expected=d.expected,
                found=d.found,
                help="get an undamaged copy",
            ) from error

    @property
    def held(self) -> bool:
        return all(ref.held for ref in self.parts.values())

    @property
    def file(self) -> str | None:
        return next((ref.file for ref in self.parts.values() if ref.file is not None), None)

    @property
    def elements(self) -> int:
        return prod(self.parts[self.kind.values].shape)

    @property
    def nbytes(self) -> int:
        return sum(ref.nbytes for ref in self.parts.values())

    def __reduce__(self) -> tuple[Any, ...]:
        return GroupRef.to, (self.load(),)

    def __repr__(self) -> str:
        return f"GroupRef({self.kind.__name__}, {self.dtype}, {self.shape})"


def reference(value: Any) -> ArrayRef:
    """A reference to the value of an array field."""
    if isinstance(value, ArrayRef):
        return value
    return GroupRef.to(value) if isinstance(value, Grouped) else ArrayRef.of(value)


def stored_arrays(key: str, value: Any) -> dict[str, ArrayRef]:
    """The arrays that a record holds of a value, by the names they have there."""
    ref = reference(value)
    if not isinstance(ref, GroupRef):
        return {key: ref}
    return {f"{key}{BETWEEN}{name}": part for name, part in ref.parts.items()}


class Parts(dict[str, ArrayRef]):
    """The parts of a group, by name."""


def gathered(stored: dict[str, ArrayRef], attrs: Container[str], path: str) -> Mapping[str, ArrayRef | Parts]:
    """The arrays of a record by field: an array, or the parts of a group. `attrs` has the names of other fields."""
    if BETWEEN not in "".join(stored):
        return stored
    found: dict[str, ArrayRef | Parts] = {}
    for key, ref in stored.items():
        name, between, part = key.partition(BETWEEN)
        if not between:
            found[name] = ref
            continue
        group = found.setdefault(name, Parts())
        if not isinstance(group, Parts) or name in stored or name in attrs:
            raise TalonFormatError(
                "T303",
                f"{name!r} is a value and a group of arrays",
                node=path or None,
                expected="one of them",
                help="get an undamaged copy",
            )
        group[part] = ref
    return found


def grouped(kinds: Collection[type[Grouped]], parts: Parts, where: tuple[str, str]) -> Grouped | GroupRef:
    """The value of the kind that has these parts: a reference, unless they are there already."""
    for kind in kinds:
        if parts.keys() == set(kind.names):
            ref = GroupRef(kind, parts, where)
            value: Grouped | GroupRef = ref.load() if ref.held else ref
            return value
    node, field = where
    raise TalonFormatError(
        "T303",
        f"the field {field!r} is a group of arrays that it cannot be",
        node=node or None,
        expected=" or ".join(["an array", *(", ".join(kind.names) for kind in kinds)]),
        found=", ".join(sorted(parts))[:200],
        help="install a newer talon-core, or get an undamaged copy",
    )


def parameters(value: Any) -> np.ndarray:
    """The parameters that an array or a group holds."""
    return value.parts()[value.values] if isinstance(value, Grouped) else np.asarray(value)


def elements(value: Any) -> int:
    """How many parameters an array, or a reference to one, holds."""
    if isinstance(value, ArrayRef):
        return value.elements
    return prod(parameters(value).shape) if isinstance(value, Grouped) else prod(value.shape)


PLACES = frozenset({"indptr", "indices", "shape"})
"""Parts that say where others belong, whatever kind they are of, and are no parameters."""


def is_parameter(key: str) -> bool:
    """Whether the items of a stored array are parameters."""
    _, between, part = key.partition(BETWEEN)
    return not between or part not in PLACES
