"""What `quantize` refuses of a graph whatever its calibration, told beforehand, as `check` does.

The rules stand in `structure`; they are asked of a sketch of the graph that quantising would make, in which no weight
is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from talon.hw.description import Target
from talon.hw.quantising import hints, widths
from talon.hw.quantising.structure import folded, structure
from talon.hw.report import Finding
from talon.hw.rewrites import rewritten
from talon.hw.rewrites.pass_ import Sketch
from talon.ir.errors import Diagnostic
from talon.ir.graph import Graph


def refusals(graph: Graph, target: Target) -> Iterator[Finding]:
    """Findings (T506): what the target's arithmetic leaves open, as a warning, since the part itself may compute the
    graph; what no integers follow; and for every node what it asks for and cannot have."""
    error = widths.undescribed(target)
    if error is not None:
        yield finding(error.diagnostic, severity="warning")
    uncomputable = widths.uncomputable(target)
    if uncomputable is not None:
        yield finding(uncomputable.diagnostic)
    yield from (finding(error.diagnostic) for error in hints.placeless(graph))
    numeric = widths.arithmetic(target) if error is None and uncomputable is None else None
    work = rewritten(graph, Sketch, target)
    folded(work, numeric)
    structure(work, numeric, None, work.log, work.refuse)
    yield from dict.fromkeys(finding(refused.diagnostic) for refused in work.refused)


def finding(said: Diagnostic, severity: Literal["error", "warning"] = "error") -> Finding:
    if isinstance(said, Finding):
        return replace(said, severity=severity)
    return Finding(
        "T506", said.message, severity, node=said.node, expected=said.expected, found=said.found, help=said.help
    )
