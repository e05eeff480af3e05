"""What `hw.check` found, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talon.cli.output import Output

if TYPE_CHECKING:
    from talon.hw.report import FitReport


def show_report(out: Output, report: FitReport) -> None:
    """The layers as a table, how full the cores are, then every problem."""
    rows: list[Any] = report.table()
    if rows:
        out.table(rows[0], rows[1:])
        out.line()
    for line in report.bars():
        out.line(line)
    out.line()
    for finding in report.diagnostics:
        if finding.code == "T505":
            out.problems.append(finding)  # told together below
        else:
            out.problem(finding, err=False)
    if not out.quiet:
        for line in report.unknowns():
            out.line(line)
