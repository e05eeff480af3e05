"""`talon hw demo`: what the digits network of talon-core takes on each target, and a network that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.cli.command import command
from talon.cli.output import Output

if TYPE_CHECKING:
    from talon.hw.report import FitReport
    from talon.ir.graph import Graph


SHOWN = "generic-mesh"
"""The target whose cores are drawn; of the others there is the verdict, what is wrong, and what is not known."""


@command("demo")
def demo(out: Output) -> None:
    """Say how many cores the trained digits network takes on every target, and what a misfit looks like.

    Example: talon hw demo
    """
    from talon.cli.demo import model_path
    from talon.storage import read

    path = model_path()
    graph = read(path)
    reports = fit_everywhere(graph)
    out.line(f"read     {path}")
    out.line(f"         {' -> '.join(type(node).__name__ for node in graph.nodes.values())}\n")
    for report in reports:
        out.line(report.verdict())
        if report.target == SHOWN:
            for line in report.bars():
                out.line(f"  {line}")
        for finding in {finding.message: finding for finding in report.errors}.values():
            out.line(f"  {finding.message}: {finding.expected}; found {finding.found}")
        if report.warnings:
            out.line(f"  not known of {report.target}: {', '.join(unknown(report))}")
        out.line()
    misfit = too_large()
    out.line("a network that does not fit: 32 maps of 64 x 64 neurons")
    out.line(misfit.verdict())
    for finding in misfit.errors:
        for line in str(finding).splitlines():
            out.line(f"  {line}")
    out.data = {"model": str(path), "targets": [r.as_dict() for r in reports], "misfit": misfit.as_dict()}
    out.line(f"\nnext: 'talon demo --save .' copies {path.name} here, then try")
    out.line(f"  talon hw check {path.name} --target zcu102   the whole report")
    out.line("  talon hw targets show generic-mesh          every number and its source")


def fit_everywhere(graph: Graph) -> list[FitReport]:
    """`hw.check` of the graph on every target that ships."""
    from talon import hw

    return [hw.check(graph, name) for name in hw.targets()]


def unknown(report: FitReport) -> list[str]:
    """The resources that could not be checked because the target does not say."""
    from talon.hw.report import Finding

    return [w.resource for w in report.warnings if isinstance(w, Finding) and w.resource]


def too_large() -> FitReport:
    """`hw.check` of one convolution with 131,072 neurons on `generic-mesh`, which has 16,384."""
    import numpy as np

    from talon import hw
    from talon.ir import IF, Conv2d, Graph, Input, Output

    conv = Conv2d(np.zeros((32, 2, 3, 3), np.float32), None, padding="same")
    graph = Graph.chain(Input([2, 64, 64]), conv, IF(1.0), Output([32, 64, 64]))
    return hw.check(graph, SHOWN)
