"""`talon hw report NET -o report.html`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.exits import Exit
from talon.cli.output import Output
from talon.cli.run import load_arrays
from talon.hw.names import refuse_same
from talon.ir.errors import TalonFileError

if TYPE_CHECKING:
    from talon.hw.reporting.figures import Report


@command("report")
@click.argument("file", type=PATH)
@click.option(
    "--input", "source", type=PATH, help="Arrays: .npy for one Input, .npz by Input; without, the golden sample."
)
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--graph", "floats", type=PATH, help="The network in floats: where does the artifact part from it?")
@click.option("--quantised", type=PATH, help="The network that was deployed: does an engine count the same?")
@click.option("-o", "--output", type=PATH, help="Where the page goes; the figures alone, where it ends in .json.")
@click.option("--force", is_flag=True, help="Replace the report if it exists.")
@TRUSTED
def report(
    out: Output,
    file: str,
    source: str | None,
    steps: int | None,
    floats: str | None,
    quantised: str | None,
    output: str | None,
    force: bool,
    trusted: bool,
) -> Exit:
    """Run the artifact FILE, and write how it lies on its chip and what it did there: one HTML page that needs no
    network. Exits with 1 where cores, layers and engine do not count the same.

    Example: talon hw report net.talonhw --input x.npy --steps 32 -o report.html
    """
    from talon import hw
    from talon.storage import read
    from talon.storage.atomic import replacing

    if source is None and steps is not None:
        raise click.UsageError("--steps is for an --input; the golden sample has its own")
    if output is not None:
        refuse_same(output, file, source, floats, quantised)
        if os.path.lexists(output) and not force:
            raise TalonFileError("T306", "the report exists already", file=output, help="pass --force to replace it")
    build = hw.load(file)
    with out.progress("running") as progress:
        found = build.report(
            None if source is None else load_arrays(source, list(build.chip.inputs)),
            repeat=steps,
            graph=None if floats is None else read(floats, trusted=trusted),
            quantised=None if quantised is None else read(quantised, trusted=trusted),
            title=Path(file).stem,
            progress=progress,
        )
    if output is not None:
        page = found.to_json() if Path(output).suffix == ".json" else found.to_html()
        with replacing(Path(output)) as temporary:
            temporary.write_text(page, encoding="utf-8", newline="\n")
    out.data = found.as_dict()
    show(out, found)
    if output is not None:
        out.line(f"{output}: {Path(output).stat().st_size:,} bytes")
    return Exit.OK if found.agrees else Exit.FINDINGS


def show(out: Output, report: Report) -> None:
    """The figures that stand at the head of the page, and who counted what."""
    from talon.hw.reporting.page import facts

    for name, value, more, _ in facts(report):
        out.line(f"{name:<14} {value} {more}")
    for balance in report.reconciliation:
        told = ", ".join(f"{who} {number:,}" for who, number in balance.sums.items() if number is not None)
        out.line(f"{balance.quantity:<16} {'equal' if balance.equal else 'NOT EQUAL'}: {told}")
    for finding in report.warnings:
        out.problem(finding)
