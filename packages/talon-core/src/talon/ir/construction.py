"""Making a node from what was given: matching arguments with fields, and named axes with each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from talon.ir.errors import TalonError, TalonTypeError, TalonValueError, nearest
from talon.ir.fields import ArrayField, Field, Shape

if TYPE_CHECKING:
    from talon.ir.declared import Declared
    from talon.ir.node import Node


def bind(
    cls: type[Declared], common: Mapping[str, Field], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Match arguments with fields as Python would, with messages that name the primitive and what it takes.

    `common` are the fields that every node has, which messages leave out.
    """
    if not args and kwargs.keys() <= cls.fields.keys():
        given = kwargs
    else:
        given = matched(cls, common, args, kwargs)
    if not given.keys() >= cls._tables.needed.keys():
        missing = [name for name in cls._tables.needed if name not in given]
        raise TalonTypeError(
            "T206",
            f"{cls.__name__} needs {', '.join(missing)}",
            expected=", ".join(n for n in cls.fields if n not in common),
            found=f"only {', '.join(given)}" if given else "none",
            help=f"give {missing[0]}=...: {cls.fields[missing[0]].doc}",
        )
    return given


def matched(
    cls: type[Declared], common: Mapping[str, Field], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name; raises for those that are too many, given twice or unknown."""
    positional = cls._tables.positional
    if len(args) > len(positional):
        raise TalonTypeError(
            "T206",
            f"{cls.__name__} takes {len(positional)} positional arguments, {len(args)} were given",
            expected=", ".join(positional) or "keyword arguments only",
            help="pass input_type, output_type, metadata and hints by keyword",
        )
    given = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name in given:
            raise TalonTypeError(
                "T206",
                f"{cls.__name__} was given {name!r} twice",
                found="by position and by name",
                help=f"the positional order is {', '.join(positional)}",
            )
        if name not in cls.fields:
            match = nearest(name, cls.fields)
            raise TalonTypeError(
                "T206",
                f"{cls.__name__} has no field {name!r}",
                expected=", ".join(n for n in cls.fields if n not in common) or "no fields of its own",
                help=f"did you mean {match!r}?" if match else "remove it, or put notes into metadata={...}",
            )
        given[name] = value
    return given


def unify(node: Node) -> dict[str, int]:
    """The length of every named axis. Raises `TalonValueError` (T201) with both fields where two disagree."""
    dims: dict[str, int] = {}
    said: dict[str, tuple[str, Shape | None]] = {}
    for name, field in node.symbolic:
        full: Shape | None = None
        if isinstance(field, ArrayField):
            full = node.shape_of(name)
            if full is None:
                continue
            try:
                pairs = zip(field.axes, field.strip_step(full), strict=True)
            except TalonError as error:
                raise named(node, error) from None
        elif (number := getattr(node, name)) is not None and field.dim:
            pairs = zip((field.dim,), (number,), strict=True)
        else:
            continue
        for axis, length in pairs:
            if axis.isdigit():
                if length != int(axis):
                    found = in_words(name, axis, length, full)
                    problem = TalonValueError(
                        "T201", f"{name} has a wrong axis", expected=f"length {axis}", found=found
                    )
                    raise named(node, problem)
            elif dims.setdefault(axis, length) != length:
                other, shape = said[axis]
                problem = TalonValueError(
                    "T201",
                    f"{name} does not fit {other}",
                    expected=in_words(other, axis, dims[axis], shape),
                    found=in_words(name, axis, length, full),
                    help=f"both must have the same {axis!r}",
                )
                raise named(node, problem)
            else:
                said.setdefault(axis, (name, full))
    return dims


def in_words(name: str, axis: str, length: int, shape: Shape | None) -> str:
    """What a field says of an axis: by its shape, or by being its length."""
    return f"{name} = {length}" if shape is None else f"{name} has {axis} = {length} (shape {shape})"


def named(node: Node, error: TalonError) -> TalonError:
    """The error with the primitive's name in front, where the graph's name for the node is not known yet."""
    d = error.diagnostic
    return type(error)(
        d.code,
        f"{type(node).__name__}: {d.message}",
        expected=d.expected,
        found=d.found,
        help=d.help or f"'talon primitives show {type(node).__name__}' lists its fields",
    )
