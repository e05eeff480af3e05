"""`talon show F NODE`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from talon.cli.command import PATH, TRUSTED, beginning, command
from talon.cli.ls import shown
from talon.cli.output import Output


def node_paths(ctx: click.Context) -> Iterable[str]:
    """The paths of the file that stands on the line already."""
    from talon.storage import info

    return [node.path for node in info(ctx.params["file"]).nodes if node.path]


@command("show")
@click.argument("file", type=PATH)
@click.argument("node", shell_complete=beginning(node_paths))
@TRUSTED
def show(out: Output, file: str, node: str, trusted: bool) -> None:
    """Show NODE of FILE: what it is, its fields with units and values, its shapes and edges.

    NODE is a name, or names joined with / for a node inside a nested graph.

    Example: talon show net.t1c lif1
    """
    from talon.storage import read

    found = description(read(file, unknown="keep", trusted=trusted), node)
    out.data = found
    out.line(f"{found['node']}: {found['type']}")
    out.line(f"  {found['summary']}")
    rows = [(f["name"], f["value"], f["unit"] or "", f["doc"]) for f in found["fields"]]
    out.line()
    out.table(("field", "value", "unit", "meaning"), rows)
    out.line()
    for edge in found["incoming"]:
        out.line(f"  from {edge}")
    out.line(f"  gives {shown(found['output'])}")
    for edge in found["outgoing"]:
        out.line(f"  to {edge}")


def description(graph: Any, path: str) -> dict[str, Any]:
    """A node by its path as plain values: type, fields, shapes, edges."""
    node = graph.node(path)
    level, _, name = path.rpartition("/")
    owner = graph.node(level) if level else graph
    shapes = graph.shapes
    return {
        "node": path,
        "type": node.type_name,
        "summary": (type(node).__doc__ or "").partition("\n\n")[0].replace("\n    ", " "),
        "fields": field_rows(node),
        "output": {port: shapes.get(f"{path}:{port}") for port in node.ports().outputs},
        "incoming": [edge_text(e.src, e.delay) for e in owner.edges if e.dst_node == name],
        "outgoing": [edge_text(e.dst, e.delay) for e in owner.edges if e.src_node == name],
    }


def field_rows(node: Any) -> list[dict[str, Any]]:
    """Fields that must be given or were; of a type that is not installed, what the file has."""
    from talon.ir.opaque import Opaque

    if isinstance(node, Opaque):
        held = {**node.record.attrs, **{name: array.load() for name, array in node.record.arrays.items()}}
        return [{"name": n, "value": value_text(v), "unit": None, "doc": "as the file has it"} for n, v in held.items()]
    return [
        {
            "name": n,
            "value": quantised_text(node, n) + value_text(getattr(node, n)),
            "unit": field.unit,
            "doc": field.doc,
        }
        for n, field in node.fields.items()
        if n in node.given() or not field.kw_only
    ]


def quantised_text(node: Any, name: str) -> str:
    """What is said of a field in front of its values, if they are quantised."""
    found = node.quant.get(name)
    return "" if found is None else f"{found.bits}-bit, scale {value_text(found.scale)}; "


def edge_text(end: str, delay: int | None) -> str:
    return end if delay is None else f"{end} (delay {delay})"


def value_text(value: Any) -> str:
    """A value on one line; arrays by dtype, shape and range, sparse matrices by what is there."""
    from talon.ir.grouped import Grouped, elements
    from talon.ir.values import brief, thaw

    if not hasattr(value, "dtype"):
        text = brief(thaw(value))
        return text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, Grouped):
        return f"{value!r}, {spread(value.parts()[value.values])}" if elements(value) else repr(value)
    if value.size <= 6:
        return f"{value.dtype} " + ", ".join(f"{v:.6g}" for v in value.ravel().tolist())
    shape = "x".join(map(str, value.shape))
    return f"{value.dtype} {shape}, {spread(value)}"


def spread(array: Any) -> str:
    return f"{array.min():.4g} to {array.max():.4g}, mean {array.mean():.4g}"
