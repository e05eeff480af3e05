"""`talon primitives [show NAME]`"""

from __future__ import annotations

import inspect
from typing import Any

import click

from talon.cli.command import command, group
from talon.cli.output import Output


@group("primitives")
def primitives(out: Output) -> None:
    """List the installed primitives, or show one with its fields, shapes and meaning.

    Example: talon primitives show LIF
    """
    from talon.ir.errors import TalonError
    from talon.plugins import registry

    known = registry.primitives()
    rows = []
    for name in registry.list_primitives():
        entry = known[name]
        try:
            meaning = summary(registry.primitive(name))
        except TalonError as error:
            meaning = f"cannot be used: {error.found}"
        rows.append({"name": name, "distribution": f"{entry.distribution} {entry.version}", "summary": meaning})
    out.data = rows
    out.table(("primitive", "distribution", "meaning"), [tuple(row.values()) for row in rows])
    out.note(f"{len(rows)} primitives; 'talon primitives show NAME' shows one")


@command("show")
@click.argument("name")
def show(out: Output, name: str) -> None:
    """Show NAME: fields with shapes, units, ranges and defaults, ports, and what it computes."""
    from talon.plugins import registry

    cls = registry.primitive(name)
    found = described(name, cls)
    out.data = found
    out.line(found["signature"])
    out.line(f"\n{found['meaning']}\n")
    head = ("field", "kind", "default", "unit", "legal", "doc")
    own = [field for field in found["fields"] if field["own"]]
    out.table(head, [tuple(field[key] for key in ("name", *head[1:])) for field in own])
    out.line()
    out.line("every node also takes " + ", ".join(f["name"] for f in found["fields"] if not f["own"]))
    out.line(f"provided by {found['distribution']}, schema {found['schema']}")


primitives.add_command(show)


def summary(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")


def described(name: str, cls: Any) -> dict[str, Any]:
    """A primitive as plain values, derived from its declaration."""
    from talon.ir.fields import MISSING
    from talon.ir.node import Node
    from talon.plugins import registry

    entry = registry.primitives()[name]
    fields = [
        {
            "name": n,
            "kind": f"{field.kind} ({shape})" if (shape := getattr(field, "shape", None)) else field.kind,
            "default": "required" if field.default is MISSING else repr(field.default),
            "unit": field.unit or "",
            "legal": field.range_text(),
            "doc": field.doc,
            "keyword_only": field.kw_only,
            "own": n not in Node.fields or cls.fields[n] is not Node.fields[n],
        }
        for n, field in cls.fields.items()
    ]
    return {
        "name": name,
        "signature": signature(name, cls),
        "meaning": inspect.getdoc(cls) or "",
        "fields": fields,
        "distribution": f"{entry.distribution} {entry.version}",
        "schema": cls.schema,
    }


def signature(name: str, cls: Any) -> str:
    """The constructor with the primitive's own fields only."""
    from talon.ir.node import Node

    parts: list[str] = []
    keywords = False
    for n, parameter in inspect.signature(cls).parameters.items():
        if n in Node.fields and cls.fields.get(n) is Node.fields[n]:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            parts.append("*")
            keywords = True
        parts.append(n if parameter.default is parameter.empty else f"{n}={parameter.default!r}")
    return f"ir.{name}({', '.join(parts)})"
