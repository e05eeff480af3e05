"""Graphs as HTML: for notebooks, and as a page of its own."""

from __future__ import annotations

from talon.ir.drawing.caption import parameters, shape_text
from talon.ir.drawing.lettering import escape
from talon.ir.drawing.svg import Drawing, draw
from talon.ir.graph import Graph
from talon.ir.infer import infer_shapes

SMALL = 40
"""In a notebook, graphs of more nodes are folded."""
ROWS = 200
"""Rows of the table of nodes."""
HEADS = ("node", "type", "output", "parameters")
LOOKS = 'cellpadding="4" style="text-align:left;font-size:13px"'
PAGE = "margin:24px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;color-scheme:light dark"


def html(graph: Graph) -> str:
    """A summary for notebooks: a line with the numbers, the nodes in a table folded away, and the drawing."""
    return fragment(graph, draw(graph, limit=SMALL))


def page(graph: Graph, drawing: Drawing, title: str) -> str:
    """The summary with its drawing, of whatever size, as a complete HTML page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'</head>\n<body style="{PAGE}">\n<h1 style="font-size:18px">{escape(title)}</h1>\n'
        f"{fragment(graph, drawing)}</body>\n</html>\n"
    )


def fragment(graph: Graph, drawing: Drawing) -> str:
    return (
        f'<div class="talon-graph">\n<p>{escape(heading(graph))}</p>\n<details><summary>nodes</summary>\n'
        f'{table(graph)}</details>\n<div style="overflow-x:auto">\n{drawing.svg}</div>\n</div>\n'
    )


def heading(graph: Graph) -> str:
    """Numbers of nodes and edges, the step, and whether there are cycles."""
    facts = [f"{len(graph.nodes):,} nodes", f"{len(graph.edges):,} edges"]
    facts.append("dt not stated" if graph.dt is None else f"dt = {graph.dt:g} s")
    facts.append("no cycles" if graph.is_dag else "with cycles")
    return f"Graph: {', '.join(facts)}"


def table(graph: Graph) -> str:
    """Name, type, output shapes and number of parameters of every node, of the first ones where there are many."""
    shapes = infer_shapes(graph).outputs
    rows = []
    for (name, node), known in zip(list(graph.nodes.items())[:ROWS], shapes, strict=False):
        cells = (name, node.type_name, " ".join(map(shape_text, known)), f"{parameters(node):,}")
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n")
    if len(graph.nodes) > ROWS:
        rows.append(f'<tr><td colspan="{len(HEADS)}">and {len(graph.nodes) - ROWS:,} more</td></tr>\n')
    head = "".join(f"<th>{word}</th>" for word in HEADS)
    return f"<table {LOOKS}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n</table>\n"
