"""docs/engines.md says by what each primitive runs: compared with runs of every primitive's example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talon import ir
from talon.engine import run
from talon.hw.native import library
from talon.ir.known import PRIMITIVES
from talon.ir.primitive import Composite

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
BOUNDARIES = {"Input", "Output", "Graph"}


def table() -> dict[str, str]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")
    ]
    return {name: row[1] for row in rows for name in row[0].split(", ") if name in PRIMITIVES}


def test_every_primitive_is_in_the_table() -> None:
    assert set(table()) == set(PRIMITIVES) - BOUNDARIES


@pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")
@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - BOUNDARIES))
def test_it_runs_by_what_the_table_says(name: str) -> None:
    expression, shapes = getattr(ir, name).usage
    node = eval(expression, {"ir": ir, "np": np})
    nodes = {f"in{i}": ir.Input(list(shape)) for i, shape in enumerate(shapes)} | {"node": node}
    edges: list[tuple[str, str]] = [(f"in{i}", "node") for i in range(len(shapes))]
    for port in node.ports().outputs:
        nodes[f"out_{port}"] = ir.Output(None)
        edges.append((f"node:{port}", f"out_{port}"))
    x = {f"in{i}": np.random.default_rng(i).random((3, 2, *shape)) for i, shape in enumerate(shapes)}
    used = run(ir.Graph(nodes, edges), x, engine="native").engine.nodes
    if isinstance(node, Composite):
        assert table()[name] == "the nodes inside"
        assert any(path.startswith("node/") for path in used)
    else:
        assert used["node"].partition(", by ")[0].partition(", dense")[0] == table()[name]
