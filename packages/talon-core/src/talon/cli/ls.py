"""`talon ls F`"""

from __future__ import annotations

from typing import Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.output import Output


@command("ls")
@click.argument("file", type=PATH)
@TRUSTED
def ls(out: Output, file: str, trusted: bool) -> None:
    """List the nodes of FILE: name, type, output shapes, parameters.

    Example: talon ls net.t1c
    """
    from talon.storage import read

    rows = node_rows(read(file, unknown="keep", trusted=trusted))
    out.data = rows
    head = ("node", "type", "output", "parameters")
    out.table(head, [(r["node"], r["type"], shown(r["output"]), f"{r['parameters']:,}") for r in rows])


def node_rows(graph: Any) -> list[dict[str, Any]]:
    """One dict a node, inner ones after the graph that holds them, by path."""
    from talon.ir.graph import Graph

    rows = []
    shapes = graph.shapes

    def level(inner: Graph, prefix: str) -> None:
        for name, node in inner.nodes.items():
            path = prefix + name
            rows.append(
                {
                    "node": path,
                    "type": node.type_name,
                    "output": {port: shapes.get(f"{path}:{port}") for port in node.ports().outputs},
                    "parameters": node.parameter_count(),
                }
            )
            if isinstance(node, Graph):
                level(node, f"{path}/")

    level(graph, "")
    return rows


def shown(outputs: dict[str, Any]) -> str:
    return " ".join("x".join(map(str, shape)) or "scalar" if shape is not None else "?" for shape in outputs.values())
