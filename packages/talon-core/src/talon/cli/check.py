"""`talon check F`"""

from __future__ import annotations

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("check")
@click.argument("file", type=PATH)
@click.option("--deep", is_flag=True, help="Also prove that the HDF5 tree says what the index does.")
@TRUSTED
def check(out: Output, file: str, deep: bool, trusted: bool) -> Exit:
    """Check FILE: structure, shapes, cycles and values. Exits with 1 when there are errors, with 4 when none was found
    but the primitives of a distribution that is not installed could not be checked.

    Example: talon check net.t1c
    """
    from talon.storage import compared, read

    agreement = compared(file, trusted=trusted) if deep else None
    if agreement is not None and not agreement.ok:
        # The two differ, and checking either would prove nothing.
        for diagnostic in agreement.diagnostics:
            out.problem(diagnostic, err=False)
        out.data = {"errors": len(agreement.errors), "warnings": 0, "notes": 0}
        out.line(f"{file}: not ok: tree and index differ")
        return Exit.FINDINGS
    report = read(file, unknown="keep", trusted=trusted).check()
    if agreement is not None:
        once = "the graph stands in it once: nothing to compare"
        out.line(f"{file}: {'tree and index agree' if agreement.twice else once}")
    for diagnostic in report.diagnostics:
        out.problem(diagnostic, err=False)
    notes = len(report.diagnostics) - len(report.errors) - len(report.warnings)
    out.data = {"errors": len(report.errors), "warnings": len(report.warnings), "notes": notes}
    out.line(f"{file}: {'ok' if report.ok else 'not ok'}: {report.summary()}")
    if not report.ok:
        return Exit.FINDINGS
    return Exit.MISSING if any(d.code == "T117" for d in report.warnings) else Exit.OK
