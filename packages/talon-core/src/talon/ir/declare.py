"""How a primitive declares its fields: specifier functions and the annotations that go with them.

A declaration reads `weight: Array = array("out in", doc=...)`. To a type checker the annotation is a descriptor whose
`__set__` type is what the constructor takes and whose `__get__` type is what the attribute gives; at run time the class
attribute is the `Field` that the specifier made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from talon.ir.fields import (
    MISSING,
    ArrayField,
    BoolField,
    ChoiceField,
    FactorField,
    Field,
    FloatField,
    IntField,
    IntsField,
    MappingField,
    PerNeuronField,
    TextField,
    TypeField,
    ValueField,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from talon.ir.csr import CSR, ByRows
    from talon.ir.quantized import Quantized

# Specifiers: typed as Any so that the annotation beside them speaks for the attribute.


def array(
    shape: str | None,
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    unit: str | None = None,
    low: float | None = None,
    above: float | None = None,
    optional: bool = False,
    neutral: float | None = None,
    sparse: bool = False,
) -> Any:
    """An array field. `default=None` lets it be left out, `optional=True` takes None (annotate `OptionalArray`).

    `neutral` is the value of every element that None stands for. `sparse=True` takes sparse matrices too and gives
    `ir.CSR` for them (annotate `SparseArray`).
    """
    return ArrayField(
        shape,
        doc=doc,
        default=default,
        kw_only=kw_only,
        unit=unit,
        low=low,
        above=above,
        optional=optional,
        neutral=neutral,
        sparse=sparse,
    )


def per_neuron(
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    unit: str | None = None,
    low: float | None = None,
    above: float | None = None,
) -> Any:
    """A parameter of neurons in one of three forms: scalar, per channel, or broadcastable to the sample."""
    return PerNeuronField(doc=doc, default=default, kw_only=kw_only, unit=unit, low=low, above=above)


def integer(
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    unit: str | None = None,
    low: int | None = None,
    high: int | None = None,
    dim: str | None = None,
) -> Any:
    """A whole number in `low..high`, optionally equal to the array axis named `dim`."""
    return IntField(doc=doc, default=default, kw_only=kw_only, unit=unit, low=low, high=high, dim=dim)


def number(
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    unit: str | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    always_stored: bool | None = None,
) -> Any:
    """A finite float."""
    return FloatField(
        doc=doc,
        default=default,
        kw_only=kw_only,
        unit=unit,
        low=low,
        high=high,
        above=above,
        always_stored=always_stored,
    )


def flag(*, doc: str, default: Any = MISSING, kw_only: bool = False) -> Any:
    """True or False."""
    return BoolField(doc=doc, default=default, kw_only=kw_only)


def choice(
    options: Sequence[str],
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    aliases: Mapping[str, str] | None = None,
    always_stored: bool | None = None,
) -> Any:
    """One of a few words."""
    return ChoiceField(
        options=options, aliases=aliases, doc=doc, default=default, kw_only=kw_only, always_stored=always_stored
    )


def integers(
    *,
    doc: str,
    default: Any = MISSING,
    kw_only: bool = False,
    unit: str | None = None,
    length: int | None = None,
    low: int = 0,
    words: Sequence[str] = (),
) -> Any:
    """A tuple of whole numbers; a single one is repeated to `length`."""
    return IntsField(doc=doc, default=default, kw_only=kw_only, unit=unit, length=length, low=low, words=words)


def factor(
    *, doc: str, length: int, above: float, default: Any = MISSING, kw_only: bool = False, unit: str | None = None
) -> Any:
    """One number for all axes, or one each; kept as given."""
    return FactorField(doc=doc, length=length, above=above, default=default, kw_only=kw_only, unit=unit)


def text(*, doc: str, default: Any = None, kw_only: bool = False) -> Any:
    """A string or None."""
    return TextField(doc=doc, default=default, kw_only=kw_only)


def mapping(*, doc: str, default: Any = MISSING, kw_only: bool = False) -> Any:
    """A dict of metadata."""
    return MappingField(doc=doc, default=default, kw_only=kw_only)


def sample_type(*, port: str, doc: str, default: Any = MISSING, kw_only: bool = False, stored_as: Any = None) -> Any:
    """The declared shape of one sample."""
    return TypeField(port=port, doc=doc, default=default, kw_only=kw_only, stored_as=stored_as)


def stored_value(*, doc: str, default: Any = None, kw_only: bool = False) -> Any:
    """Any value that files can hold, kept and given back."""
    return ValueField(doc=doc, default=default, kw_only=kw_only)


if TYPE_CHECKING:

    class Array:
        """Annotation of a required array: any array-like in, an ndarray out."""

        @overload
        def __get__(self, instance: None, owner: type) -> ArrayField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> np.ndarray: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: ArrayLike | Quantized) -> None: ...

    class OptionalArray:
        """Annotation of an array that may be None."""

        @overload
        def __get__(self, instance: None, owner: type) -> ArrayField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> np.ndarray | None: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: ArrayLike | Quantized | None) -> None: ...

    class SparseArray:
        """Annotation of a required array that may be a sparse matrix."""

        @overload
        def __get__(self, instance: None, owner: type) -> ArrayField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> np.ndarray | CSR: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: ArrayLike | CSR | ByRows | Quantized) -> None: ...

    class Pair:
        """Annotation of two whole numbers, for which one may be given."""

        @overload
        def __get__(self, instance: None, owner: type) -> IntsField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> tuple[int, int]: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: int | Sequence[int] | np.ndarray) -> None: ...

    class OptionalPair:
        """Annotation of two whole numbers or None."""

        @overload
        def __get__(self, instance: None, owner: type) -> IntsField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> tuple[int, int] | None: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: int | Sequence[int] | np.ndarray | None) -> None: ...

    class Padding:
        """Annotation of a padding: two whole numbers, one for both, or "same" or "valid"."""

        @overload
        def __get__(self, instance: None, owner: type) -> IntsField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> tuple[int, ...] | str: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: int | str | Sequence[int] | np.ndarray) -> None: ...

    class Ints:
        """Annotation of a tuple of whole numbers."""

        @overload
        def __get__(self, instance: None, owner: type) -> IntsField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> tuple[int, ...]: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: int | Sequence[int] | np.ndarray) -> None: ...

    class Factors:
        """Annotation of two scale factors, one for both, or None."""

        @overload
        def __get__(self, instance: None, owner: type) -> FactorField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> float | tuple[float, ...] | None: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: float | Sequence[float] | np.ndarray | None) -> None: ...

    class SampleType:
        """Annotation of a declared shape: axis lengths or a dict of them in, a dict of arrays out."""

        @overload
        def __get__(self, instance: None, owner: type) -> TypeField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> Mapping[str, np.ndarray] | None: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(
            self, instance: object, value: int | Sequence[int] | np.ndarray | Mapping[str, Any] | None
        ) -> None: ...

    class Metadata:
        """Annotation of free metadata."""

        @overload
        def __get__(self, instance: None, owner: type) -> MappingField: ...
        @overload
        def __get__(self, instance: object, owner: type) -> Mapping[str, Any]: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: Mapping[str, Any] | None) -> None: ...

else:
    Array = OptionalArray = SparseArray = Pair = OptionalPair = Padding = Ints = Factors = SampleType = Metadata = Field
