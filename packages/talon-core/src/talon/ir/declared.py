"""`Declared`: collects the fields of a class body; constructor, signature and tables follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any, ClassVar, NamedTuple, dataclass_transform

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
from talon.ir.quantized import RECORD, scale_of

RESERVED = ("type", "nodes", "edges", RECORD)
"""Keys that files use for themselves, beside the fields of a node."""


class Tables(NamedTuple):
    """What is asked of the fields for every node, and is the same for all of a class.

    `positional`: those that may be given by position, in order. `needed`: those that must be given. `nullable`: those
    of them that may be given as None. `arrays`: those that are arrays. `names`: all, by the keys of files.
    """

    positional: tuple[str, ...]
    needed: Mapping[str, None]
    nullable: tuple[str, ...]
    arrays: tuple[tuple[str, ArrayField], ...]
    names: Mapping[str, str]

    @classmethod
    def of(cls, fields: Mapping[str, Field]) -> Tables:
        return cls(
            tuple(n for n, f in fields.items() if not f.kw_only),
            {n: None for n, f in fields.items() if f.required},
            tuple(n for n, f in fields.items() if f.required and f.optional),
            tuple((n, f) for n, f in fields.items() if isinstance(f, ArrayField)),
            {f.key: n for n, f in fields.items()},
        )


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
    _tables: ClassVar[Tables]
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
        refuse_clash(cls)
        cls.symbolic = tuple(
            (n, f)
            for n, f in cls.fields.items()
            if (isinstance(f, ArrayField) and f.axes) or (isinstance(f, IntField) and f.dim)
        )
        cls.checked = tuple((n, f) for n, f in cls.fields.items() if type(f).check is not Field.check)
        cls._tables = Tables.of(cls.fields)
        if "__init__" not in vars(cls):
            cls.__signature__ = signature_of(cls.fields)


def refuse_clash(cls: type[Declared]) -> None:
    """Raise where a field has the name under which files hold the scale of another one."""
    scales = {scale_of(f.key): n for n, f in cls.fields.items() if isinstance(f, ArrayField)}
    for name, field in cls.fields.items():
        if field.key in scales:
            raise TalonTypeError(
                "T206",
                f"{cls.__name__} cannot have a field called {name!r}",
                expected="a name that nothing else has",
                found=f"the key {field.key!r}, under which files hold the scale of {scales[field.key]!r} if quantised",
                help="give the field another name",
            )


def signature_of(fields: Mapping[str, Field]) -> Signature:
    """The constructor's signature: positional fields in declared order, then the keyword-only ones."""

    def parameter(name: str, field: Field) -> Parameter:
        kind = Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD
        default = Parameter.empty if field.required else field.default
        return Parameter(name, kind, default=default)

    return Signature([parameter(n, f) for n, f in fields.items()])
