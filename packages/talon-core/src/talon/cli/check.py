"""`talon check F`"""

from __future__ import annotations

import click

from talon.cli.command import PATH, command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("check")
@click.argument("file", type=PATH)
def check(out: Output, file: str) -> Exit:
    """Check FILE: structure, shapes, cycles and values. Exits with 1 when there are errors, with 4 when none was found
    but the primitives of a distribution that is not installed could not be checked.

    Example: talon check net.t1c
    """
    from talon.storage import read

    report = read(file, unknown="keep").check()
    for diagnostic in report.diagnostics:
        out.problem(diagnostic, err=False)
    notes = len(report.diagnostics) - len(report.errors) - len(report.warnings)
    out.data = {"errors": len(report.errors), "warnings": len(report.warnings), "notes": notes}
    out.line(f"{file}: {'ok' if report.ok else 'not ok'}: {report.summary()}")
    if not report.ok:
        return Exit.FINDINGS
    return Exit.MISSING if any(d.code == "T117" for d in report.warnings) else Exit.OK
