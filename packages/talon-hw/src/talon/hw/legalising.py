"""`legalise`: a graph that a target can take, made from one that it cannot, with every rewrite in a ledger."""

from __future__ import annotations

import os
from dataclasses import dataclass

from talon.hw.arguments import expect_graph
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.fit import check
from talon.hw.ledger import Rewrite
from talon.hw.report import FitReport
from talon.hw.rewrites import rewritten
from talon.hw.rewrites.pass_ import Work
from talon.hw.wishes import lost, meaningless
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph


@dataclass(frozen=True)
class Legalised:
    """The new graph, what was rewritten, and what `check` says of the new graph: errors there could not be mended."""

    graph: Graph
    ledger: tuple[Rewrite, ...]
    report: FitReport

    @property
    def exact(self) -> bool:
        """Whether the new graph computes in float32 exactly what the old one did."""
        return all(rewrite.exact for rewrite in self.ledger)


def legalise(graph: Graph, target: Target | str | os.PathLike[str]) -> Legalised:
    """Rewrite what `target` cannot take as far as that is possible; where nothing needs it the graph is given back.

    Composites and nested graphs are opened. What is left in `report.errors` has no rewrite here: it needs another
    network, or another target. Hints that nothing heeds have a line in the ledger too, of the pass "hints".

    Raises what `check` raises, and `TalonTargetError` (T506) for a graph that is
    quantised already: rewrites are of floats.
    """
    expect_graph(graph, "legalise")
    target = find_target(target)
    refuse_integers(graph)
    check(graph, target)  # what does not hold together is told before anything is changed
    work = rewritten(graph, Work, target)
    hints = unheeded(graph, work)
    if not work.ledger:
        return Legalised(graph, hints, check(graph, target))
    return Legalised(work.graph, (*work.ledger, *hints), check(work.graph, target))


def unheeded(graph: Graph, work: Work) -> tuple[Rewrite, ...]:
    """The lines of a graph's hints that nothing heeds once it is rewritten."""
    gone = lost(graph.flatten(), work.graph) if work.ledger else ()
    return tuple(hint.rewrite() for hint in (*meaningless(graph), *gone))


def refuse_integers(graph: Graph) -> None:
    """Raise `TalonTargetError` (T506) for a graph that holds integers, naming the first node that does."""
    for name, node in graph.flatten().nodes.items():
        if fields := getattr(node, "quant", None):
            raise TalonTargetError(
                "T506",
                "the network is quantised already, and its integers would become floats",
                node=name,
                expected="a network of floats",
                found=f"integers in {', '.join(fields)}",
                help="take the float network: hw.quantize rewrites what the target cannot take before it quantises",
            )
