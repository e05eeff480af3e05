"""`Declared`: collects the fields of a class body; constructor, signature and tables follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any, ClassVar, dataclass_transform

from talon.ir.declare import (
    array,
    choice,
    factor,
    flag,
    integer,
    integers,
    mapping,
    number,
    per_neuron,
    sample_type,
    stored_value,
    text,
)
from talon.ir.errors import TalonTypeError
from talon.ir.fields import ArrayField, Field, IntField

RESERVED = ("type", "nodes", "edges")
"""Keys that files use for themselves, beside the fields of a node."""


# Type checkers want the specifiers as a literal. Not frozen_default: mypy then gives inherited fields the type that the
# constructor takes in place of the one that the attribute gives (an attempt to assign raises T203 all the same).
@dataclass_transform(
    kw_only_default=False,
    eq_default=False,
    field_specifiers=(
        array,
        per_neuron,
        integer,
        number,
        flag,
        choice,
        integers,
        factor,
        text,
        mapping,
        sample_type,
        stored_value,
    ),
)
class Declared:
    """Collects the fields of a class body; the constructor and its signature follow from them."""

    fields: ClassVar[Mapping[str, Field]] = {}
    symbolic: ClassVar[tuple[tuple[str, ArrayField | IntField], ...]] = ()
    """The fields whose lengths are unified: arrays with named axes, and whole numbers tied to one."""
    checked: ClassVar[tuple[tuple[str, Field], ...]] = ()
    """The fields that have a legal range of values."""
    positional: ClassVar[tuple[str, ...]] = ()
    """The fields that may be given by position, in order."""
    needed: ClassVar[tuple[str, ...]] = ()
    """The fields that must be given."""
    arrayed: ClassVar[tuple[tuple[str, ArrayField], ...]] = ()
    """The fields that are arrays."""
    keys: ClassVar[Mapping[str, str]] = {}
    """The fields by the names under which files hold them."""
    __signature__: ClassVar[Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        for name, field in own.items():
            taken = next((b for b in cls.__mro__[1:] if not isinstance(vars(b).get(name, field), Field)), None)
            if taken is not None or field.key in RESERVED:
                raise TalonTypeError(
                    "T206",
                    f"{cls.__name__} cannot have a field called {name!r}",
                    expected="a name that nothing else has",
                    found=f"{taken.__name__}.{name}" if taken else f"the key {field.key!r}, which files use themselves",
                    help="give the field another name",
                )
        # An overriding declaration keeps the place of the field that it overrides; positional fields come first.
        fields = {**cls.fields, **own}
        cls.fields = {n: f for keyword in (False, True) for n, f in fields.items() if f.kw_only is keyword}
        cls.symbolic = tuple(
            (n, f)
            for n, f in cls.fields.items()
            if (isinstance(f, ArrayField) and f.axes) or (isinstance(f, IntField) and f.dim)
        )
        cls.checked = tuple((n, f) for n, f in cls.fields.items() if type(f).check is not Field.check)
        cls.positional = tuple(n for n, f in cls.fields.items() if not f.kw_only)
        cls.needed = tuple(n for n, f in cls.fields.items() if f.required)
        cls.arrayed = tuple((n, f) for n, f in cls.fields.items() if isinstance(f, ArrayField))
        cls.keys = {f.key: n for n, f in cls.fields.items()}
        if "__init__" not in vars(cls):
            cls.__signature__ = signature_of(cls.fields)


def signature_of(fields: Mapping[str, Field]) -> Signature:
    """The constructor's signature: positional fields in declared order, then the keyword-only ones."""

    def parameter(name: str, field: Field) -> Parameter:
        kind = Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD
        default = Parameter.empty if field.required else field.default
        return Parameter(name, kind, default=default)

    return Signature([parameter(n, f) for n, f in fields.items()])
