"""Making a node from what was given: matching arguments with fields, and named axes with each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from talon.ir.errors import TalonError, TalonTypeError, TalonValueError, nearest
from talon.ir.fields import ArrayField, Field

if TYPE_CHECKING:
    from talon.ir.declared import Declared
    from talon.ir.node import Node


def bind(
    cls: type[Declared], common: Mapping[str, Field], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Match arguments with fields as Python would, with messages that name the primitive and what it takes.

    `common` are the fields that every node has, which messages leave out.
    """
    positional = [n for n, f in cls.fields.items() if not f.kw_only]
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
    missing = [n for n, f in cls.fields.items() if f.required and n not in given]
    if missing:
        raise TalonTypeError(
            "T206",
            f"{cls.__name__} needs {', '.join(missing)}",
            expected=", ".join(n for n in cls.fields if n not in common),
            found=f"only {', '.join(given)}" if given else "none",
            help=f"give {missing[0]}=...: {cls.fields[missing[0]].doc}",
        )
    return given


def unify(node: Node) -> dict[str, int]:
    """The length of every named axis. Raises `TalonValueError` (T201) with both fields where two disagree."""
    dims: dict[str, int] = {}
    said: dict[str, str] = {}
    for name, field in node.symbolic:
        if isinstance(field, ArrayField):
            full = node.shape_of(name)
            if full is None:
                continue
            try:
                shape = field.strip_step(full)
            except TalonError as error:
                raise named(node, error) from None
            pairs = [(a, n, f"{name} has {a} = {n} (shape {full})") for a, n in zip(field.axes, shape, strict=True)]
        elif (number := getattr(node, name)) is not None and field.dim:
            pairs = [(field.dim, number, f"{name} = {number}")]
        else:
            continue
        for axis, length, words in pairs:
            if axis.isdigit():
                if length != int(axis):
                    raise named(
                        node,
                        TalonValueError("T201", f"{name} has a wrong axis", expected=f"length {axis}", found=words),
                    )
            elif dims.setdefault(axis, length) != length:
                raise named(
                    node,
                    TalonValueError(
                        "T201",
                        f"{name} does not fit {said[axis].split(' ')[0]}",
                        expected=said[axis],
                        found=words,
                        help=f"both must have the same {axis!r}",
                    ),
                )
            else:
                said.setdefault(axis, words)
    return dims


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
