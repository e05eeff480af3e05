"""`talon check F`"""

from __future__ import annotations

import click

from talon.cli.command import PATH, command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("check")
@click.argument("file", type=PATH)
def check(out: Output, file: str) -> Exit:
    """Check FILE: structure, shapes, cycles and values. Exits with 1 when there are errors.

    Example: talon check net.t1c
    """
    from talon.storage import read

    report = read(file).check()
    for diagnostic in report.diagnostics:
        out.problem(diagnostic, err=False)
    notes = len(report.diagnostics) - len(report.errors) - len(report.warnings)
    out.data = {"errors": len(report.errors), "warnings": len(report.warnings), "notes": notes}
    verdict = "ok" if report.ok else "not ok"
    out.line(f"{file}: {verdict}: {len(report.errors)} errors, {len(report.warnings)} warnings, {notes} notes")
    return Exit.OK if report.ok else Exit.FINDINGS
