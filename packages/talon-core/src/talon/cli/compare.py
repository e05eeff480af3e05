"""`talon compare A B`"""

from __future__ import annotations

import math
from typing import Any

import click

from talon.cli.command import PATH, TRUSTED, command
from talon.cli.exits import Exit
from talon.cli.output import Output


@command("compare")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option("--on", "source", type=PATH, help="Run both on these arrays: .npy, or .npz with one array per Input.")
@click.option("--engine", default="auto", show_default=True, help="Engine by name, or two, such as reference,native.")
@click.option("--steps", type=click.IntRange(min=1), help="Hold an input without time axis for this many steps.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Values this near each other are equal.",
)
@click.option("--what", type=click.Choice(["all", "outputs", "spikes"]), default="all", show_default=True)
@TRUSTED
def compare(
    out: Output,
    a: str,
    b: str,
    source: str | None,
    engine: str,
    steps: int | None,
    dtype: str,
    tolerance: float,
    what: str,
    trusted: bool,
) -> Exit:
    """Say what the files A and B have otherwise; with --on, run both and say where they part.

    Exits with 0 when they are equal, and with 1 when not. To compare engines, name one file twice.

    Example: talon compare net.t1c net.t1c --engine reference,native --on x.npz
    """
    from talon.cli.run import load_arrays
    from talon.engine import compare as compare_runs
    from talon.engine.comparing.outcome import HEAD, RATES
    from talon.ir.differences import diff
    from talon.storage import read

    if source is None:
        refuse_run_options(engine, steps, tolerance, what)
    names = tuple(engine.split(","))
    if len(names) > 2 or not math.isfinite(tolerance):
        raise click.UsageError("--engine takes one name or two" if len(names) > 2 else "--tolerance is a finite number")
    one, other = (read(file, unknown="error" if source else "keep", trusted=trusted) for file in (a, b))
    if source is None:
        changes = diff(one, other)
        out.data = {"a": a, "b": b, "equal": changes.equal, "structure": changes.as_dict(), "run": None}
        out.line(str(changes))
        return Exit.OK if changes.equal else Exit.FINDINGS
    arrays = load_arrays(source, list(one.inputs))
    engines: Any = names[0] if len(names) == 1 else names
    how: Any = {"repeat": steps, "dtype": dtype, "tolerance": tolerance, "what": what}
    with out.progress("comparing") as progress:
        found = compare_runs(one, other, arrays, engine=engines, labels=(a, b), progress=progress, **how)
    out.data = {"a": a, "b": b, "equal": found.equal, "structure": None, "run": found.as_dict()}
    for line in found.lines():
        out.line(line)
    if rows := found.rows():
        out.table(HEAD, rows)
    if found.scaled and (rates := found.rates()):
        out.line()
        out.table(RATES, rates)
    return Exit.OK if found.equal else Exit.FINDINGS


def refuse_run_options(engine: str, steps: int | None, tolerance: float, what: str) -> None:
    """None is ignored: without arrays nothing is run."""
    given = {"--engine": engine != "auto", "--steps": steps, "--tolerance": tolerance, "--what": what != "all"}
    for option, said in given.items():
        if said:
            raise click.UsageError(f"{option} is for runs: say on which arrays with --on")
