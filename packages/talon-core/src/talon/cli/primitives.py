"""`talon primitives [show NAME]`"""

from __future__ import annotations

from collections.abc import Iterable

import click

from talon.cli.command import beginning, command, group
from talon.cli.output import Output


@group("primitives")
def primitives(out: Output) -> None:
    """List the installed primitives, or show one with its fields, shapes and meaning.

    Example: talon primitives show LIF
    """
    from talon.cli.described import summary
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


def installed(ctx: click.Context) -> Iterable[str]:
    from talon.plugins import registry

    return registry.list_primitives()


@command("show")
@click.argument("name", shell_complete=beginning(installed))
def show(out: Output, name: str) -> None:
    """Show NAME: what it computes, fields with shapes, units and ranges, ports, counts, and an example that runs."""
    from talon.cli.described import described, facts

    found = described(name)
    out.data = found
    out.line(found["signature"])
    out.line(f"\n{found['meaning']}\n")
    head = ("kind", "shape", "default", "unit", "legal", "doc")
    own = [field for field in found["fields"] if field["own"]]
    if own:
        out.table(("field", *head), [tuple(field[key] for key in ("name", *head)) for field in own])
        out.line()
    for label, text in facts(found).items():
        out.line(f"{label:<12} {text}")
    if found["example"]:
        out.line("\nexample\n")
        for line in found["example"]["code"].splitlines():
            out.line(f"  {line}".rstrip())
        out.line("\nprints\n")
        for line in found["example"]["prints"].splitlines():
            out.line(f"  {line}")
    out.line()
    out.line("every node also takes " + ", ".join(f["name"] for f in found["fields"] if not f["own"]))
    out.line(f"provided by {found['distribution']}, schema {found['schema']}")


primitives.add_command(show)
