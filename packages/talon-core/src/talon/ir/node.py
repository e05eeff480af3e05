"""Nodes: construction from declared fields, immutability, copying, comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.construction import bind, named, unify
from talon.ir.declare import Metadata, SampleType, integer, mapping, sample_type, text
from talon.ir.declared import Declared
from talon.ir.errors import (
    Diagnostic,
    TalonError,
    TalonFrozenError,
)
from talon.ir.fields import MISSING, ArrayField, Field, Shape, TypeField
from talon.ir.grouped import Grouped, GroupRef, elements, reference
from talon.ir.ports import ONE_IN_ONE_OUT, Ports
from talon.ir.quantized import Quantized
from talon.ir.values import brief, thaw

Usage = tuple[str, Sequence[Shape]]

SMALL = 4096
"""Parameters of up to this many elements have their values checked at construction; `check()` scans larger ones."""


class Node(Declared):
    """Anything that can stand in a graph. Immutable; arrays are read-only views of what was passed."""

    schema: ClassVar[int] = 1
    """Version of the primitive's declaration, stored in files; raised when fields change their meaning."""
    identity: ClassVar[bool] = False
    """Whether the node passes its one input through unchanged whatever its fields say."""
    known_as: ClassVar[Mapping[str, str]] = {}
    """What others call it, by framework: `{"torch": "nn.Linear"}`. Like `usage`, each class says its own."""
    _default_values: ClassVar[Mapping[str, Any]]
    usage: ClassVar[Usage | None] = None
    """An expression with `ir` and `np` that makes one, and a sample shape for every edge that enters."""

    input_type: SampleType = sample_type(
        port="input", doc="declared shape of one input sample", default=None, kw_only=True
    )
    output_type: SampleType = sample_type(
        port="output", doc="declared shape of one output sample", default=None, kw_only=True
    )
    metadata: Metadata = mapping(doc="free notes, kept and never interpreted", default={}, kw_only=True)
    precision: str | None = text(doc="hint: number format of the whole layer", default=None, kw_only=True)
    weight_t: str | None = text(doc="hint: number format of weights", default=None, kw_only=True)
    bias_t: str | None = text(doc="hint: number format of biases", default=None, kw_only=True)
    accum_t: str | None = text(doc="hint: number format of accumulators", default=None, kw_only=True)
    result_t: str | None = text(doc="hint: number format of results", default=None, kw_only=True)
    reuse_factor: int | None = integer(
        doc="hint: how often one multiplier is reused", default=None, low=1, kw_only=True
    )
    core_id: int | None = integer(doc="hint: core that should hold the node", default=None, low=0, kw_only=True)
    hardware_hints: Mapping[str, Any] | None = mapping(
        doc="hint: anything else a target may honour", default=None, kw_only=True
    )

    if not TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._take(type(self)._bind(args, kwargs))
            for problem in self.problems(small_only=True):
                raise problem

    @classmethod
    def _bind(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return bind(cls, Node.fields, args, kwargs)

    def _take(self, given: Mapping[str, Any]) -> None:
        """Coerce and keep the values, then unify the named axes."""
        values, fields = self.__dict__, self.fields
        values.update(self._defaults())
        lazy: dict[str, ArrayRef] = {}
        for name, value in given.items():
            field = fields[name]
            try:
                value = field.coerce(value)
            except TalonError as error:
                raise named(self, error) from None
            if isinstance(value, ArrayRef):
                lazy[name] = value
                values.pop(name, None)
            elif value is not None or not isinstance(field, TypeField):
                values[name] = value
        if lazy:
            values["_lazy"] = lazy
        values["_dims"] = unify(self)

    @classmethod
    def _defaults(cls) -> Mapping[str, Any]:
        """What a node holds of the fields that are not given."""
        if "_default_values" not in vars(cls):
            found = {n: f.absent for n, f in cls.fields.items() if not f.required}
            cls._default_values = {
                n: v for n, v in found.items() if v is not None or not isinstance(cls.fields[n], TypeField)
            }
        return cls._default_values

    @classmethod
    def restore(cls, values: Mapping[str, Any]) -> Self:
        """A node from stored values: shapes and types are checked now, ranges and array values by `check()`."""
        node = cls.__new__(cls)
        node._take(cls._bind((), dict(values)))
        return node

    @property
    def type_name(self) -> str:
        """The name of the node's type; that in the file where the type is not installed."""
        return type(self).__name__

    # Fields and their values

    def load_field(self, field: Field) -> Any:
        """Called by the descriptor when a value is absent: load a lazy array once and keep it."""
        if isinstance(field, TypeField):
            return self.implied_type(field.name)
        ref = self.__dict__.get("_lazy", {}).get(field.name)
        if ref is None:
            raise TalonError("T900", f"{type(self).__name__}.{field.name} was never set")
        return self.__dict__.setdefault(field.name, ref.load())

    def detach(self) -> None:
        """Load every lazy array into memory of its own, also one that was touched and is a map of the file."""
        lazy = self.__dict__.get("_lazy", {})
        for name, ref in lazy.items():
            if isinstance(ref, Quantized):
                lazy[name] = ref.detached_all()
                continue
            array = self.__dict__[name] = ref.detached()
            lazy[name] = reference(array)

    def implied_type(self, name: str) -> Mapping[str, np.ndarray] | None:
        """What `input_type` or `output_type` is when it was not declared but follows from the parameters alone."""
        return None

    def stored(self, name: str) -> Any:
        """The value of a field as files hold it: nothing loaded, nothing implied."""
        field = self.fields[name]
        if field.is_array:
            return self.raw(name)
        return self.__dict__.get(name) if isinstance(field, TypeField) else self.__dict__[name]

    def stored_fields(self) -> Iterator[tuple[Field, Any]]:
        """The fields that files hold, with their values as `stored` gives them."""
        values = self.__dict__
        lazy = values.get("_lazy", {})
        for name, field in self.fields.items():
            value = values.get(name)
            if lazy and (value is None or isinstance(lazy.get(name), Quantized)):
                value = lazy.get(name)
            if value is None:
                continue
            # The call is for what is neither always stored nor what it would be without: that is seen here.
            known = field.always_stored or field.required
            if known or (value is not field.absent and is_stored(field, value)):
                yield field, value

    def raw(self, name: str) -> np.ndarray | Grouped | ArrayRef | None:
        """An array field without loading it: the value where it is there, else its reference; integers and their scale
        where it is quantised."""
        values = self.__dict__
        ref: ArrayRef | None = values["_lazy"].get(name) if "_lazy" in values else None
        if name in values and not isinstance(ref, Quantized):
            value: np.ndarray | Grouped | None = values[name]
            return value
        assert ref is not None  # or the field would be there
        return ref

    @property
    def quant(self) -> Mapping[str, Quantized]:
        """The quantised fields, by name: integers, scale, bits and rule. The field itself gives what they stand for."""
        return {name: ref for name, ref in self.__dict__.get("_lazy", {}).items() if isinstance(ref, Quantized)}

    def shape_of(self, name: str) -> Shape | None:
        """The shape of an array field without loading it; None where the field is None."""
        value = self.raw(name)
        return None if value is None else tuple(value.shape)

    def per_step(self, name: str) -> bool:
        """Whether the array carries the leading step axis (recognised by its rank)."""
        field, shape = self.fields[name], self.shape_of(name)
        return isinstance(field, ArrayField) and field.step_axis and shape is not None and len(shape) > len(field.axes)

    @property
    def dims(self) -> Mapping[str, int]:
        """The length of every named axis, from shapes alone."""
        dims: dict[str, int] = self.__dict__["_dims"]
        return dims

    @property
    def hints(self) -> dict[str, Any]:
        """The hardware hints that are set."""
        return {n: v for n in HINTS if (v := getattr(self, n)) is not None}

    def given(self) -> dict[str, Any]:
        """The fields that differ from their defaults; arrays that are lazy stay references."""
        out: dict[str, Any] = {}
        for name, field in self.fields.items():
            value = self.stored(name)
            if not isinstance(value, ArrayRef) and not field.required and is_default(field, value):
                continue
            out[name] = value
        return out

    def parameter_count(self) -> int:
        """Number of elements of all arrays that are set; those of nested nodes count there."""
        values = [value for n, value in self.given().items() if self.fields[n].is_array and value is not None]
        return sum(map(elements, values))

    def changed(self, **fields: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.given(), **fields})

    def same_as(self, other: object) -> bool:
        """Equality by type and by the value of every field, arrays to the bit (`==` is identity)."""
        if not isinstance(other, Node) or type(self) is not type(other):
            return False
        mine, theirs = self.quant, other.quant
        if mine.keys() != theirs.keys() or not all(mine[name].same_as(theirs[name]) for name in mine):
            return False
        return all(
            field.same(getattr(self, name), getattr(other, name))
            if field.is_array
            else field.same(self.stored(name), other.stored(name))
            for name, field in self.fields.items()
        )

    # What a primitive says about itself

    def ports(self) -> Ports:
        """Input and output ports; by default one each, `in` (several edges are summed) and `out`."""
        return ONE_IN_ONE_OUT

    def constrain(self) -> None:
        """Raise `TalonValueError` where fields contradict each other in a way that their declarations cannot say."""

    @classmethod
    def example(cls, rng: np.random.Generator) -> Mapping[str, Any]:
        """Field values for the conformance kit, where random ones would seldom fit together; it draws the others.

        With an `input_type` among them, that is the shape the kit feeds the node with.
        """
        return {}

    def infer(self, *inputs: Shape | None) -> Any:
        """Shape of the output (a tuple of shapes where there are several ports) from the inputs' sample shapes.

        None stands for a shape not known yet and may be returned. Raises `TalonShapeError` when an input is refused.
        """
        raise TalonError("T900", f"{type(self).__name__} does not say how its output shape follows from its input")

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        """Fields that the published package must be given in another form to compute the same.

        `input_shapes()` infers the sample shapes that arrive; call it only where the answer depends on them.
        """
        forms: dict[str, Any] = {}
        dims = self.dims
        for name, field in self._tables.arrays:
            raw = self.raw(name)
            if raw is None or field.always_stored or is_stored(field, raw):
                form = field.published(raw, dims)
                if form is not None:
                    forms[name] = form
        return forms

    def published_meaning(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        """Fields to set on a node from a file of the published package, so that it means what that package executed.

        Called once, after reading. `input_shapes()` infers the sample shapes that arrive.
        """
        return {}

    def problems(self, small_only: bool = False) -> Iterator[TalonError]:
        """Values out of range or contradicting each other; `small_only` leaves large and lazy arrays unread."""
        complete = True
        for name, field in self.checked:
            value = self.__dict__.get(name)
            if value is None and field.is_array:
                value = self.raw(name)
            if value is None or (not field.required and value is field.absent):
                continue
            if isinstance(field, ArrayField):
                if small_only and (isinstance(value, ArrayRef) or elements(value) > SMALL or not field.early):
                    continue
            try:
                field.check(getattr(self, name) if isinstance(field, ArrayField) else value)
            except TalonError as error:
                complete = False
                yield named(self, error)
        if complete:
            try:
                self.constrain()
            except TalonError as error:
                yield named(self, error)

    # Immutability, copying, printing

    def __setattr__(self, name: str, value: object) -> None:
        raise TalonFrozenError(
            "T203",
            f"{type(self).__name__} cannot be changed (tried to set {name!r})",
            help=f"make a changed copy: node.changed({name}=...)",
        )

    def __delattr__(self, name: str) -> None:
        raise TalonFrozenError("T203", f"{type(self).__name__} cannot be changed (tried to delete {name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), thaw(self.given()))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        values = {
            n: v.detached_all() if isinstance(v, Quantized) else v.load() if isinstance(v, ArrayRef) else v
            for n, v in self.given().items()
        }
        copied = {n: v.copy() if isinstance(v, (np.ndarray, Grouped)) else v for n, v in values.items()}
        return rebuild(type(self), copied)

    def __repr__(self) -> str:
        parts = [show(n, self.raw(n) if self.fields[n].is_array else v) for n, v in self.given().items()]
        return f"{type(self).__name__}({', '.join(parts)})"


T = TypeVar("T", bound=Node)

HINTS = ("precision", "weight_t", "bias_t", "accum_t", "result_t", "reuse_factor", "core_id", "hardware_hints")


def is_default(field: Field, value: Any) -> bool:
    """Whether a value is what the field would have without it."""
    if field.default is MISSING:
        return False
    return value is field.absent or field.same(value, field.absent)


def is_stored(field: Field, value: Any) -> bool:
    """Whether files hold a field: always, or only when it is set."""
    if value is None:
        return False
    return field.always_stored or field.required or isinstance(value, ArrayRef) or not is_default(field, value)


def rebuild(cls: type[T], values: dict[str, Any]) -> T:
    """Undo `__reduce__`; a module-level function because read-only arrays come back writable from a pickle."""
    return cls.restore(values)


def show(name: str, value: Any) -> str:
    """A field in a repr: arrays by dtype and shape (scalars by value), long values cut short."""
    if isinstance(value, (Grouped, GroupRef)):
        kind = value.kind if isinstance(value, GroupRef) else type(value)
        return f"{name}={kind.__name__}({value.dtype}{list(value.shape)}, {elements(value)} elements)"
    if isinstance(value, Quantized):
        matrix = "" if value.kind is None else f" {value.kind.__name__}"
        return f"{name}={value.bits} bits{matrix}{list(value.shape)}"
    if isinstance(value, ArrayRef) or (isinstance(value, np.ndarray) and (value.size > 1 or value.ndim > 1)):
        return f"{name}={value.dtype}{list(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"{name}={value.item()!r}"
    text = brief(thaw(value))
    return f"{name}={text if len(text) <= 60 else text[:57] + '...'}"


def findings(node: Node, path: str) -> Iterator[Diagnostic]:
    """The node's problems as diagnostics with its path."""
    for error in node.problems():
        yield error.at(node=path).diagnostic
